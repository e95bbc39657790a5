"""Changes of a report's state: the table of states, the timeline, the alerts and the log, in one transaction."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy.orm import Session

from federated_sender import events
from federated_sender.states import TRANSITIONS, Event, State
from federated_sender.tables import Alert, Audit, Report, Timeline, WebLockout, WebSession, WebUser
from shared.alerts import AlertBook
from shared.audit import AuditBook
from shared.db import after_commit
from shared.log import emit
from shared.states import next_state
from shared.web.tables import Accounts

DAEMON = "federated-sender"

ALERTS = AlertBook(Alert)
AUDIT = AuditBook(Audit)
ACCOUNTS = Accounts(WebUser, WebSession, WebLockout)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ids(report: Report) -> dict[str, object]:
    """Return the ids that every log line about a report carries.

    A clinical system may have written anything for a consultation id; only a UUID is certainly no patient data.
    """
    return {
        "report_id": report.report_id,
        "consultation_id": report.consultation_id if _UUID.fullmatch(report.consultation_id) else None,
        "version": report.version,
        "message_id": report.message_id,
        "mesh_message_id": report.mesh_message_id,
        "local_id": report.local_id,
    }


def begin(session: Session, report: Report, event: Event, now: datetime, by: str, *, detail: str | None = None) -> None:
    """Add a new report, which is in its first state already, and the first line of its timeline."""
    session.add(report)
    session.flush()
    _write(session, report, event, None, now, by, code=None, detail=detail)


def advance(
    session: Session,
    report: Report,
    event: Event,
    now: datetime,
    *,
    by: str = DAEMON,
    code: str | None = None,
    detail: str | None = None,
) -> None:
    """Let ``event`` happen to ``report``. Raises UnexpectedEvent when its state does not allow that.

    ``detail`` holds no patient data.
    """
    before = State(report.state)
    report.state = next_state(TRANSITIONS, before, event)
    report.changed_at = now
    _write(session, report, event, before, now, by, code=code, detail=detail)


def _write(
    session: Session,
    report: Report,
    event: Event,
    before: State | None,
    now: datetime,
    by: str,
    *,
    code: str | None,
    detail: str | None,
) -> None:
    entry = Timeline(report=report.id, at=now, event=event, from_state=before, to_state=report.state)
    entry.code, entry.by, entry.detail = code, by, detail
    session.add(entry)
    line = ids(report) | {"change": str(event), "state": str(report.state), "code": code}
    after_commit(session, lambda: emit(events.REPORT_CHANGED, **line))
