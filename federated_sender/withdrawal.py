"""Versions that were built and that MESH has not: whether what was said since lets them go, and their end (0031)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from federated_sender import deletion, ledger, outbox, routing, submissions, versions, workload
from federated_sender.eligibility import Reason, Said, why_withdrawn
from federated_sender.responses import AlertNeed
from federated_sender.states import Event, State
from federated_sender.tables import ConsultationRecord, Report
from federated_sender.workload import Clocks, Work, close_alert, open_alert, ours
from shared.mesh.delivery import Delivery

_NOT_RESENT: Final = AlertNeed(
    "not_resent",
    "A report that a person wanted to be sent again was not: the consultation was deleted, became confidential or is"
    " about another patient since. It was sent before.",
    "Telephone the registered practice: what it has of this consultation does not hold any more. Then close this alert."
    " Who usually acts: the sending practice's staff.",
)
_SENT_AFTER_ALL: Final = AlertNeed(
    "sent_after_all",
    "A report went out although the consultation was deleted, became confidential or is about another patient since:"
    " MESH had it already.",
    "Telephone the registered practice: what it has, or will have, was not to be sent any more. Then close this alert."
    " Who usually acts: the sending practice's staff.",
)


def reason(session: Session, report: Report) -> Reason | None:
    """Return why a version that MESH has not must not go out any more; None when it may."""
    later = aliased(Report)
    # the newest word; one that came to nothing by a reversal says nothing
    is_later = and_(
        later.consultation_id == ConsultationRecord.consultation_id,
        or_(later.version.is_(None), later.version > (report.version or 0)),
        later.reason.is_distinct_from(Reason.UNCHANGED),
    )
    query = select(ConsultationRecord.deleted_at, later).join(later, is_later, isouter=True)
    query = query.where(ConsultationRecord.consultation_id == report.consultation_id)
    found = session.execute(query.order_by(later.version.is_(None).desc(), later.version.desc()).limit(1)).first()
    if found is None:
        return None
    newest: Report | None = found[1]
    if found[0] is not None:
        return Reason.DELETED
    if newest is None:
        return None
    said = _as_the_row_says(session, newest) if newest.content is None else _said(newest.content)
    return why_withdrawn(_said(report.content or "{}"), said)


def withdraw(session: Session, work: Work, now: datetime) -> None:
    """Let a version that MESH has not come to its end, unless what was against it was taken back meanwhile.

    A first send becomes ``not_required``, another one ``failed``: an earlier send of it went out.
    """
    # what is compared with the newest version must not change meanwhile, or neither would go
    versions.lock(session, session.scalars(select(Report.consultation_id).where(Report.id == work.report)).one())
    report = ours(session, work)
    if report is None:
        return
    why = reason(session, report)
    if why is None:
        report.lease_until = None
        return
    last = submissions.latest(session, report)
    is_first = last is None or last.number == 1
    report.reason = why
    report.release()
    ledger.advance(session, report, Event.WITHDRAWN if is_first else Event.NOT_RESENT, now, detail=str(why))
    close_alert(session, report, None, now, "the report is not to be sent")
    if not is_first:
        open_alert(session, report, _NOT_RESENT, None, now)
    elif why is Reason.DELETED:
        deletion.nothing_went_out(session, report.consultation_id, now)


def taken(session: Session, work: Work, delivery: Delivery, why: Reason | None, now: datetime, clocks: Clocks) -> None:
    """Keep that MESH has the message; ``why`` says that it was not to go any more: then a person is told.

    So is one when another process withdrew it meanwhile.
    """
    report = session.get_one(Report, work.report, with_for_update=True)
    if work.message is None or report.local_id != work.message.local_id:
        # the claim outlived its lease and a person asked for another send since
        return
    if report.state == State.QUEUED:
        workload.taken(session, report, delivery, now, clocks)
        if why is not None:
            open_alert(session, report, _SENT_AFTER_ALL, None, now)
    elif report.state == State.NOT_REQUIRED:
        sent_after_all(session, report, delivery.message_id, now, clocks, "MESH took it", now)
    elif report.state == State.FAILED and report.mesh_message_id is None:
        submissions.taken(session, report, delivery.message_id, now)
        report.mesh_message_id, report.sent_at = delivery.message_id, now
        ledger.advance(session, report, Event.NOTED, now, detail="MESH took it all the same")


def sent_after_all(
    session: Session,
    report: Report,
    mesh_message_id: str | None,
    at: datetime,
    clocks: Clocks,
    proof: str,
    now: datetime,
) -> None:
    """Take back the end of a version that MESH has after all, as ``proof`` shows since ``at``; tell a person."""
    detail = f"{proof} after it had been withdrawn ({report.reason})"
    submissions.taken(session, report, mesh_message_id, at)
    report.mesh_message_id, report.reason, report.sent_at = mesh_message_id, None, at
    clocks.start(report, at)
    ledger.advance(session, report, Event.TAKEN, now, detail=detail)
    open_alert(session, report, _SENT_AFTER_ALL, None, now)


def _said(canonical: str) -> Said:
    content = json.loads(canonical)
    items = [item for section in content.get("notes", ()) for item in section["items"] if item["confidential"]]
    return Said(
        content.get("patient", {}).get("nhs_number"),
        bool(content.get("confidential")),
        frozenset(json.dumps(item, sort_keys=True) for item in items),
    )


def _as_the_row_says(session: Session, report: Report) -> Said:
    """Return what can be told of an update that cannot be sent as it is."""
    row = outbox.find(session, report.consultation_id, lock=False)
    if row is None:
        return Said(None, confidential=False)
    return Said(routing.number_in_row(row), bool(row.confidential))
