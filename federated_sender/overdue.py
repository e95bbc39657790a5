"""Which responses are missing for too long: a question, never a state (GPCM-SD-095)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from federated_sender.responses import AlertNeed
from federated_sender.states import AWAITING, State
from federated_sender.tracking import LookedUp, Tracked, tracked

Level = Literal["infrastructure", "business"]

_TELEPHONE = "Tell the registered practice by telephone what the consultation says"
_ASK = "Ask the registered practice whether it has the report"
_STAFF = "Who usually acts: the sending practice's staff."
_ACTIONS = {
    Tracked.NOT_COLLECTED: f"{_TELEPHONE}, and ask it why its mailbox is not collected. {_STAFF}",
    Tracked.COLLECTED: f"{_ASK} and why its system does not answer; {_TELEPHONE.lower()}. {_STAFF}",
    Tracked.UNDELIVERABLE: f"{_TELEPHONE}; ask the MESH service desk for the reason. {_STAFF}",
    Tracked.UNKNOWN_TO_MESH: f"{_TELEPHONE}; then `resend` the report. {_STAFF}",
}
_WHATEVER = f"{_ASK}; {_TELEPHONE.lower()}. {_STAFF}"


class Awaited(Protocol):
    """A report with its two clocks; a clock that is None does not run."""

    state: State
    infrastructure_code: str | None
    infrastructure_due_at: datetime | None
    business_code: str | None
    business_due_at: datetime | None


class AwaitedAndLookedUp(Awaited, LookedUp, Protocol):
    """A report of which MESH's tracking may say something, too."""


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


def alert_for(level: Level, report: AwaitedAndLookedUp) -> AlertNeed:
    """Return the alert for a missing response, with what is known of the report otherwise."""
    other = report.business_code if level == "infrastructure" else report.infrastructure_code
    if other is not None:
        known = f"The other response came: {other}."
        action = f"Ask the registered practice whether the report was filed. {_STAFF}"
    else:
        found = tracked(report)
        known = "" if found else "MESH's tracking was not asked, or gave no answer."
        action = _ACTIONS.get(found, _WHATEVER) if found else _WHATEVER
    text = f"The {level} response is overdue: nobody knows whether the report was filed. {known}"
    return AlertNeed(f"{level}_overdue", text.strip(), action)
