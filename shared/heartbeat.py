"""A line at intervals that says how much there is to do, and that the daemon lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.db import DATABASE_AWAY
from shared.log import Event, emit
from shared.service import ServiceManager

HEARTBEAT = Event(
    "daemon.heartbeat",
    "info",
    ("unfinished", "oldest_work_seconds", "parked", "open_alerts", "late_jobs"),
    "The daemon lives. `unfinished` has the number of records in each unfinished state, `oldest_work_seconds` is how"
    " long the oldest of what is due has been waiting, `parked` and `open_alerts` wait for a person, and"
    " `late_jobs` have not succeeded for their time.",
    "When this line stops coming, the daemon is stuck or gone. When `oldest_work_seconds` grows, look for an outage.",
)
EVENTS = (HEARTBEAT,)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a daemon has before it. ``oldest_since`` is since when the oldest of what is due could be done."""

    unfinished: Mapping[str, int] = field(default_factory=dict)
    oldest_since: datetime | None = None
    parked: int = 0
    open_alerts: int = 0

    def oldest_seconds(self, now: datetime) -> int:
        """Return how long the oldest work has been waiting; 0 when there is none."""
        return 0 if self.oldest_since is None else max(0, round((now - self.oldest_since).total_seconds()))


@dataclass(frozen=True)
class Heartbeat:
    """Beats every so often; ``backlog`` is asked each time, and may find the database away."""

    every: timedelta
    clock: Clock
    late: Callable[[], Sequence[str]]
    service: ServiceManager
    backlog: Callable[[], Backlog]

    def beat(self) -> None:
        """Write the line, and the same for the service manager's status."""
        late = list(self.late())
        try:
            backlog = self.backlog()
        except DATABASE_AWAY:
            # the outage has its own line; that we live is said all the same
            emit(HEARTBEAT, late_jobs=late)
            self.service.status("the database does not answer")
            return
        seconds = backlog.oldest_seconds(self.clock())
        emit(
            HEARTBEAT,
            unfinished=dict(backlog.unfinished),
            oldest_work_seconds=seconds,
            parked=backlog.parked,
            open_alerts=backlog.open_alerts,
            late_jobs=late,
        )
        counts = ", ".join(f"{number} {state}" for state, number in backlog.unfinished.items())
        self.service.status(f"{counts or 'nothing to do'}; {backlog.open_alerts} open alerts; oldest work {seconds} s")
