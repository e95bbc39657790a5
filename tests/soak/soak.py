"""A long life: what is measured of it at equal distances, and what is wrong with it at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import text

from tests.chaos import checker
from tests.chaos.checker import Evidence, read_tables
from tests.soak.measure import OVERHEAD, Growth, Vitals, growth, vitals
from tests.soak.week import MAILBOXES, Plan, Week, play

DAY: Final = timedelta(days=1)
WEEK: Final = Plan(
    length=7 * DAY,
    tick=timedelta(minutes=10),
    consultations_a_day=150,
    mesh_outages=((34, 36), (61, 61.5), (105, 119), (155, 155.2)),
    database_outages=((38, 38.5), (83, 83.3), (112, 113), (132.2, 132.6)),
    new_certificate_after=3.4 * DAY,
    retention="P3D",
    measurements=14,
)
SMALL: Final = Plan(
    length=DAY,
    tick=timedelta(minutes=20),
    consultations_a_day=45,
    mesh_outages=((10, 11), (16, 16.5)),
    database_outages=((13, 14),),
    new_certificate_after=DAY / 2,
    retention="PT8H",
    measurements=8,
)

EXPECTED: Final[Mapping[str, str]] = {
    "outage.began MESH": "MESH was away as planned: one line of each daemon for each outage",
    "outage.began database": "the database was away as planned: one line of each daemon for each outage",
    "send.ambiguous": "MESH broke off while it was given a message, which is looked up before it goes again",
    "mesh.certificate_expires": "the first certificate ends within 30 days: one line a day until it is changed",
    "alert.opened certificate_expires": "the first certificate ends within 14 days: one alert of each daemon",
    "report.invalid": "one consultation of twenty has an NHS number with a wrong check digit",
    "alert.opened invalid": "one for each of those",
    "alert.opened negative_response": "the patient left the other practice, or is not known there",
    "alert.opened undeliverable": "MESH finds no practice for the patient",
    "alert.opened not_sent": "what fell due while MESH or the database was away goes out late",
}
"""Every line of alarm that may be logged, with the reason."""

# a process that has done some work has what it needs; after that it may only breathe
_WARM_AFTER: Final = 20
_MORE_MEMORY, _MORE_HANDLES, _MORE_THREADS = 1.15, 3, 2
_CONTENT_MAY_VARY: Final = 0.2
# what is left of a report for ever: its timeline, ids, codes and alerts
_LEFT_OF_A_REPORT: Final = 0.15


@dataclass(frozen=True)
class Measurement:
    """What there is at one moment: reports kept whole (``full``) and ``pruned`` ones, and what all of it takes."""

    after: timedelta
    vitals: Vitals
    full: int
    pruned: int
    growth: Growth


@dataclass
class Outcome:
    """What was played and found."""

    measurements: list[Measurement] = field(default_factory=list)
    consultations: int = 0
    messages: int = 0
    lines: int = 0
    rotations: int = 0
    alarms: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def text(self) -> Iterator[str]:
        """Yield the figures, a line each."""
        yield f"{self.consultations} consultations, {self.messages} messages, {self.seconds:.0f} s"
        yield " hours  memory MB  handles  threads  whole  pruned  content MB  size MB"
        for each in self.measurements:
            now = each.vitals
            yield (
                f"{each.after / timedelta(hours=1):6.0f}{now.memory:11.0f}{now.handles:9}{now.threads:9}"
                f"{each.full:7}{each.pruned:8}{each.growth.content:12.1f}{each.growth.size:9.1f}"
            )
        yield f"{self.lines} log lines in {self.rotations} files; of alarm:"
        yield from (f"  {number:5} x {name}: {EXPECTED.get(name, '?')}" for name, number in sorted(self.alarms.items()))
        yield from (f"WRONG: {each}" for each in self.faults)


def soak(directory: Path, plan: Plan, database_url: str = "") -> Outcome:
    """Play the plan to its end, let everything be finished, and judge."""
    began, outcome = time.monotonic(), Outcome()
    with play(directory, plan, database_url) as week:
        between = plan.length / plan.measurements
        while not week.is_over():
            week.tick()
            if week.passed >= between * (len(outcome.measurements) + 1):
                outcome.measurements.append(_measure(week))
        # the delay of the last reports, and the pauses of what failed
        for _ in range(int(timedelta(hours=8) / plan.tick)):
            week.tick(consulting=False)
        week.end_the_day()
        outcome.measurements.append(_measure(week))
        outcome.consultations, outcome.messages = len(week.written), week.mesh.taken
        outcome.lines, outcome.rotations, outcome.alarms = week.log.lines, week.log.rotations, week.log.alarms
        outcome.faults = [*_unfinished(week), *_unexplained(week), *not_flat(outcome.measurements)]
        outcome.faults += not_as_computed(outcome.measurements)
    outcome.seconds = time.monotonic() - began
    return outcome


def _measure(week: Week) -> Measurement:
    engines = {"federated_sender": week.sender.engine, "registered_receiver": week.receiver.engine}
    with week.sender.engine.execution_options(reading=True).connect() as connection:
        counted = "SELECT count(*) FROM report WHERE version IS NOT NULL AND pruned_at IS"
        full, pruned = (connection.execute(text(f"{counted} {what}")).scalar_one() for what in ("NULL", "NOT NULL"))
    grown = [growth(engine, schema) for schema, engine in engines.items()]
    both = Growth(sum(each.size for each in grown), sum(each.content for each in grown))
    return Measurement(week.passed, vitals(), full, pruned, both)


def _unfinished(week: Week) -> Iterator[str]:
    evidence = Evidence(
        [],
        read_tables(week.sender.engine, "federated_sender"),
        read_tables(week.receiver.engine, "registered_receiver"),
        week.written,
        week.editions,
    )
    yield from checker.lasting_faults(evidence)
    for mailbox in MAILBOXES.values():
        yield from (f"{each.message_id} still lies in the mailbox {mailbox}" for each in week.mesh.inbox(mailbox))


def _unexplained(week: Week) -> Iterator[str]:
    """Yield what the log says that nobody planned, and what of the plan it does not say."""
    alarms, plan = week.log.alarms, week.plan
    yield from (f"nobody expected {alarms[name]} x {name}" for name in alarms.keys() - EXPECTED.keys())
    for of, outages in (("MESH", plan.mesh_outages), ("database", plan.database_outages)):
        if alarms[f"outage.began {of}"] != 2 * len(outages):
            yield f"{len(outages)} outages of {of} were told of {alarms[f'outage.began {of}']} times by two daemons"
    if week.log.broken:
        yield f"{week.log.broken} log lines were cut by the rotation"
    if week.door.seen != {"first", "second"}:
        yield f"MESH saw the certificates {sorted(week.door.seen)}"


def not_flat(measurements: list[Measurement]) -> Iterator[str]:
    """Yield what a process that was warm took ever more of."""
    warm = [each.vitals for each in measurements if each.full + each.pruned >= _WARM_AFTER]
    if len(warm) < 2:
        yield "too little was done to say what stays flat"
        return
    first, most = warm[0], warm[1:]
    bounds = {
        "memory": first.memory * _MORE_MEMORY,
        "handles": first.handles + _MORE_HANDLES,
        "threads": first.threads + _MORE_THREADS,
    }
    for name, bound in bounds.items():
        highest = max(getattr(each, name) for each in most)
        if highest > bound:
            yield f"{name} grew from {getattr(first, name)} to {highest}"


def not_as_computed(measurements: list[Measurement]) -> Iterator[str]:
    """Hold each size against what is computed from the reports of the first day: so much for each that is whole."""
    warm = [each for each in measurements if each.full >= _WARM_AFTER]
    whole = [each for each in warm if not each.pruned]
    if not whole:
        yield "nothing says what a whole report takes"
        return
    of_a_report = whole[-1].growth.content / whole[-1].full
    for each in warm:
        least = of_a_report * each.full * (1 - _CONTENT_MAY_VARY)
        most = of_a_report * (each.full * (1 + _CONTENT_MAY_VARY) + each.pruned * _LEFT_OF_A_REPORT)
        if not least <= each.growth.content <= most:
            yield f"after {each.after} the content is {each.growth.content} MB, not {least:.1f} to {most:.1f}"
        if each.growth.size > each.growth.content * OVERHEAD:
            yield f"after {each.after} the databases take {each.growth.size} MB for {each.growth.content} MB"
