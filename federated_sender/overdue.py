"""Which responses are missing for too long: a question, never a state (GPCM-SD-095)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from federated_sender.responses import AlertNeed
from federated_sender.states import AWAITING, State

Level = Literal["infrastructure", "business"]


class Awaited(Protocol):
    """A report with its two clocks; a clock that is None does not run."""

    state: State
    infrastructure_code: str | None
    infrastructure_due_at: datetime | None
    business_code: str | None
    business_due_at: datetime | None


def overdue(report: Awaited, now: datetime) -> list[Level]:
    """Return the levels whose response should have come by ``now``."""
    if report.state not in AWAITING:
        return []
    clocks: tuple[tuple[Level, str | None, datetime | None], ...] = (
        ("infrastructure", report.infrastructure_code, report.infrastructure_due_at),
        ("business", report.business_code, report.business_due_at),
    )
    return [level for level, code, due_at in clocks if code is None and due_at is not None and due_at <= now]


def unsent_alert() -> AlertNeed:
    """Return the alert for a report that should have gone out and has not."""
    return AlertNeed(
        "not_sent",
        "The report has been due for more than fifteen minutes and is not sent.",
        "Look at `show` and the log: MESH, the database or the daemon itself may be away. It goes out by itself.",
    )


def alert_for(level: Level) -> AlertNeed:
    """Return the alert for a missing response."""
    return AlertNeed(
        f"{level}_overdue",
        f"The {level} response is overdue: nobody knows whether the report was filed.",
        "Ask the registered practice whether it has the report; tell it by telephone what the consultation says.",
    )
