"""Every line of alarm that a long life may log, with the reason, and how many of them there must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from tests.chaos.world import MAILBOXES, SENDER
from tests.soak.week import ENDS_IN, Week

_DAY: Final = timedelta(days=1)
_ALERT_BEFORE_END: Final = timedelta(days=14)
# what fell due in the tick before was not sent in that one
_SLACK: Final = timedelta(minutes=30)
_UNSENT: Final = "SELECT due_at FROM report WHERE unsent_alerted_at IS NOT NULL"


@dataclass(frozen=True)
class Alarm:
    """Why a line comes, and the exact ``number`` of them in a week."""

    reason: str
    number: Callable[[Week], int]


def _written(*kinds: str) -> Callable[[Week], int]:
    return lambda week: sum(each.kind.name in kinds for each in week.written.values())


def _lines_about_the_certificate(week: Week) -> int:
    return 2 * math.ceil(week.plan.new_certificate_after / _DAY)


def _alerts_about_the_certificate(week: Week) -> int:
    return 2 * (ENDS_IN - week.plan.new_certificate_after < _ALERT_BEFORE_END)


def _late(week: Week) -> int:
    return len(_due_times(week))


EXPECTED: Final[Mapping[str, Alarm]] = {
    "outage.began MESH": Alarm(
        "MESH was away as planned: one line of each daemon for each outage",
        lambda week: 2 * len(week.plan.mesh_outages),
    ),
    "outage.began database": Alarm(
        "the database was away as planned: one line of each daemon for each outage",
        lambda week: 2 * len(week.plan.database_outages),
    ),
    "send.ambiguous": Alarm(
        "MESH broke off while it was given a message, which is looked up before it goes again: one for each time",
        lambda week: week.door.broken[MAILBOXES[SENDER]],
    ),
    "mesh.certificate_expires": Alarm(
        "the first certificate ends within 30 days: one line a day of each daemon until it is changed",
        _lines_about_the_certificate,
    ),
    "alert.opened certificate_expires": Alarm(
        "the first certificate ends within 14 days: one alert of each daemon", _alerts_about_the_certificate
    ),
    "report.invalid": Alarm("one for each NHS number with a wrong check digit", _written("invalid")),
    "alert.opened invalid": Alarm("one for each of those", _written("invalid")),
    "alert.opened negative_response": Alarm(
        "one for each patient who left the other practice, or is not known there", _written("left", "unknown")
    ),
    "alert.opened undeliverable": Alarm("one for each patient for whom MESH finds no practice", _written("untraced")),
    "alert.opened not_sent": Alarm("one for each report that fell due while MESH or the database was away", _late),
}


def unexplained(week: Week) -> Iterator[str]:
    """Yield what the log says that nobody planned, and what of the plan it does not say."""
    alarms = week.log.alarms
    yield from (f"nobody expected {alarms[name]} x {name}" for name in sorted(alarms.keys() - EXPECTED.keys()))
    for name, alarm in EXPECTED.items():
        number = alarm.number(week)
        if alarms[name] != number:
            yield f"the log has {alarms[name]} x {name}, not {number}"
    for due_at in _due_times(week):
        if not _was_away(week, due_at):
            yield f"what fell due at {due_at} was late without an outage"
    if week.log.broken:
        yield f"{week.log.broken} log lines are no JSON: cut by the rotation, or not the log's own"
    if week.door.seen != {"first", "second"}:
        yield f"MESH saw the certificates {sorted(week.door.seen)}"


def _due_times(week: Week) -> list[datetime]:
    """Return when each report was due that a person was told of as late."""
    with week.engines[SENDER].connect() as connection:
        found = [datetime.fromisoformat(str(each)) for each in connection.execute(text(_UNSENT)).scalars()]
    return [each if each.tzinfo else each.replace(tzinfo=week.began.tzinfo) for each in found]


def _was_away(week: Week, moment: datetime) -> bool:
    passed = moment - week.began
    outages = (*week.plan.mesh_outages, *week.plan.database_outages)
    return any(timedelta(hours=begin) - _SLACK <= passed < timedelta(hours=end) for begin, end in outages)
