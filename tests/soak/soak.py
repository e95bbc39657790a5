"""A long life: what is measured of it at equal distances, and what is wrong with it at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import text

from tests.chaos import checker
from tests.chaos.evidence import Evidence, read_tables
from tests.chaos.world import MAILBOXES, RECEIVER, SENDER
from tests.soak.alarms import EXPECTED, unexplained
from tests.soak.measure import OVERHEAD, Growth, Vitals, growth
from tests.soak.week import Plan, Week, play

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

# a process that has done some work has what it needs; after that it may only breathe
_WARM_AFTER: Final = 20
_MORE_MEMORY, _MORE_HANDLES, _MORE_THREADS = 1.15, 3, 2
_CONTENT_MAY_VARY: Final = 0.2
# what is left of a report for ever: its timeline, ids, codes and alerts
_LEFT_OF_A_REPORT: Final = 0.15
SCHEMAS: Final = {name: name.replace("-", "_") for name in (SENDER, RECEIVER)}


@dataclass(frozen=True)
class Measurement:
    """What there is at one moment: each daemon, reports kept whole (``full``) and ``pruned`` ones, and their size."""

    after: timedelta
    vitals: Mapping[str, Vitals]
    full: int
    pruned: int
    growth: Growth

    def text(self) -> str:
        """Return one line of figures."""
        of = [self.vitals[name] for name in (SENDER, RECEIVER)]
        memory = "".join(f"{each:9.1f}" for each in (of[0].memory, of[0].workers, of[1].memory))
        return (
            f"{self.after / timedelta(hours=1):6.0f}{memory}{of[0].handles:6}{of[1].handles:4}{of[0].threads:6}"
            f"{of[1].threads:4}{self.full:7}{self.pruned:8}{self.growth.content:12.1f}{self.growth.size:9.1f}"
        )


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
        yield "       MB sender  printing receiver  handles  threads"
        yield " hours                               s   r     s   r  whole  pruned  content MB  size MB"
        yield from (each.text() for each in self.measurements)
        yield f"{self.lines} log lines in {self.rotations} files; of alarm:"
        yield from (
            f"  {number:5} x {name}: {EXPECTED[name].reason if name in EXPECTED else '?'}"
            for name, number in sorted(self.alarms.items())
        )
        yield from (f"WRONG: {each}" for each in self.faults)


def soak(directory: Path, plan: Plan, database_url: str = "") -> Outcome:
    """Play the plan to its end, let everything be finished, and judge."""
    began, outcome = time.monotonic(), Outcome()
    with play(directory, plan, database_url) as week:
        outcome.measurements.append(_measure(week))
        between = plan.length / plan.measurements
        while not week.is_over():
            week.tick()
            if week.passed >= between * len(outcome.measurements):
                outcome.measurements.append(_measure(week))
        # the delay of the last reports, and the pauses of what failed
        for _ in range(int(timedelta(hours=8) / plan.tick)):
            week.tick(consulting=False)
        week.end_the_day()
        outcome.measurements.append(_measure(week))
        outcome.consultations, outcome.messages = len(week.written), week.mesh.taken
        outcome.lines, outcome.rotations, outcome.alarms = week.log.lines, week.log.rotations, week.log.alarms
        outcome.faults = [*_unfinished(week), *unexplained(week), *not_flat(outcome.measurements)]
        outcome.faults += not_as_computed(outcome.measurements)
    outcome.seconds = time.monotonic() - began
    return outcome


def _measure(week: Week) -> Measurement:
    with week.engines[SENDER].connect() as connection:
        counted = "SELECT count(*) FROM report WHERE version IS NOT NULL AND pruned_at IS"
        full, pruned = (connection.execute(text(f"{counted} {what}")).scalar_one() for what in ("NULL", "NOT NULL"))
    grown = [growth(engine, SCHEMAS[name]) for name, engine in week.engines.items()]
    both = Growth(sum(each.size for each in grown), sum(each.content for each in grown))
    vitals = {daemon.name: daemon.vitals() for daemon in (week.sender, week.receiver)}
    return Measurement(week.passed, vitals, full, pruned, both)


def _unfinished(week: Week) -> Iterator[str]:
    evidence = Evidence(
        [],
        *(read_tables(week.engines[name], SCHEMAS[name]) for name in (SENDER, RECEIVER)),
        week.written,
        week.editions,
    )
    yield from checker.lasting_faults(evidence)
    yield from (f"MESH took {local_id} twice" for local_id in week.mesh.twice)
    for mailbox in MAILBOXES.values():
        yield from (f"{each.message_id} still lies in the mailbox {mailbox}" for each in week.mesh.inbox(mailbox))


def not_flat(measurements: Sequence[Measurement]) -> Iterator[str]:
    """Yield what a process that was warm took ever more of."""
    warm = [each.vitals for each in measurements if each.full + each.pruned >= _WARM_AFTER]
    if len(warm) < 2:
        yield "too little was done to say what stays flat"
        return
    half = (len(warm) + 1) // 2
    for daemon, first in warm[0].items():
        # one that prints may grow until it is replaced: the most that it ever takes counts
        printing = max(each[daemon].workers for each in warm[:half])
        bounds = {
            "memory": first.memory * _MORE_MEMORY,
            "handles": first.handles + _MORE_HANDLES,
            "threads": first.threads + _MORE_THREADS,
            "workers": printing * _MORE_MEMORY,
        }
        for name, bound in bounds.items():
            highest = max(getattr(each[daemon], name) for each in warm)
            if highest > bound:
                yield f"{name} of the {daemon} grew to {highest}, more than {bound:.1f}"


def not_as_computed(measurements: Sequence[Measurement]) -> Iterator[str]:
    """Hold each size against what is computed from the reports of the first day: so much for each that is whole."""
    warm = [each for each in measurements if each.full >= _WARM_AFTER]
    whole, empty = [each for each in warm if not each.pruned], measurements[0].growth.size
    if not whole:
        yield "nothing says what a whole report takes"
        return
    of_a_report = whole[-1].growth.content / whole[-1].full
    for each in warm:
        least = of_a_report * each.full * (1 - _CONTENT_MAY_VARY)
        most = of_a_report * (each.full * (1 + _CONTENT_MAY_VARY) + each.pruned * _LEFT_OF_A_REPORT)
        if not least <= each.growth.content <= most:
            yield f"after {each.after} the content is {each.growth.content} MB, not {least:.1f} to {most:.1f}"
        if each.growth.size > empty + each.growth.content * OVERHEAD:
            yield f"after {each.after} the databases take {each.growth.size} MB for {each.growth.content} MB"
