"""A person names the registered practice of a consultation's patient (decision 39)."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session

from federated_sender import ledger, outbox, versions
from federated_sender.consultation import Consultation
from federated_sender.eligibility import Reason
from federated_sender.outbox_tables import OutboxRow
from federated_sender.pds_rules import HOLDING_KINDS
from federated_sender.states import Event, State
from federated_sender.tables import ConsultationRecord, Report
from shared.errors import CommandFailed
from shared.identifiers import NhsNumber, OdsCode


def holds_for(routed_for: str | None, nhs_number: str | None) -> bool:
    """Say whether a practice that was named for one patient counts for another NHS number; None is unknown."""
    return routed_for is None or nhs_number is None or nhs_number == routed_for


def is_named(record: ConsultationRecord, nhs_number: str | None) -> bool:
    """Say whether a person named the practice of this patient: a row of theirs need not."""
    return record.routed_to is not None and holds_for(record.routed_for, nhs_number)


def in_force(record: ConsultationRecord, row_says: str | None, nhs_number: str) -> str | None:
    """Return the practice that a person named, None when nobody did.

    It holds for later versions, too, until the row itself names another practice than it did then, which is newer,
    or is about another patient.
    """
    if record.routed_to is not None and (
        row_says != record.routed_instead_of or not holds_for(record.routed_for, nhs_number)
    ):
        record.routed_to = record.routed_instead_of = record.routed_for = None
    return record.routed_to


def named_for(session: Session, report: Report) -> str | None:
    """Return the practice that a person named for the patient of a version, None when nobody did."""
    record = session.get(ConsultationRecord, report.consultation_id)
    if record is None or not is_named(record, number_in(report.content)):
        return None
    return record.routed_to


def number_in_row(row: OutboxRow) -> str | None:
    """Return the NHS number that a row gives, None when it is none."""
    with suppress(ValueError):
        # SQLite keeps bytes in a column of text
        return NhsNumber(str(row.patient_nhs_number))
    return None


def number_in(content: str | None) -> str | None:
    """Return the NHS number of a version's canonical JSON."""
    number = json.loads(content or "{}").get("patient", {}).get("nhs_number")
    return None if number is None else str(number)


def named_practice(text: str, own: str, federation: Collection[str]) -> str:
    """Return the ODS code of a practice that a report can go to; raise CommandFailed that says what is wrong."""
    try:
        practice = OdsCode(text)
    except ValueError as error:
        raise CommandFailed(f"--practice {error}") from None
    if practice == own:
        raise CommandFailed(f"{practice} is this practice itself: nothing would be sent")
    if practice not in federation:
        raise CommandFailed(f"{practice} is not in FEDERATION_FILE: only practices of the federation get reports")
    return practice


def route(session: Session, identifier: str, practice: str, reason: str, now: datetime, by: str) -> Report | None:
    """Let the reports of a consultation go to ``practice`` from now on; return the version that is worked on again.

    None means that no version waits: only later ones are concerned. Raises CommandFailed when the consultation is
    not known or was deleted.
    """
    row = outbox.find(session, identifier)
    record = versions.lock(session, versions.canonical(identifier))
    unsent, newest = (look(session, record.consultation_id) for look in (versions.unsent, versions.newest))
    if unsent is not None and unsent.reason == Reason.UNCHANGED:
        # it was taken back: what was stored is what the clinical system says
        unsent = None
    known = unsent or newest
    if row is None and (known is None or known.content is None):
        raise CommandFailed(f"nothing is kept of a consultation {identifier}")
    if record.deleted_at is not None:
        raise CommandFailed(f"consultation {identifier} was deleted; `reissue` takes that back")
    record.routed_to, record.routed_instead_of = practice, _row_says(row, known)
    record.routed_for = (None if row is None else number_in_row(row)) or number_in(known.content if known else None)
    record.routed_at, record.routed_by, record.routed_because = now, by, reason
    if unsent is None:
        return None
    about_another = not holds_for(record.routed_for, number_in(unsent.content))
    if row is not None and (unsent.content is None or about_another):
        # the row could not be read, or is about another patient by now: it is judged again with the practice known
        row.pending = True
        return unsent
    _pick_up(session, unsent, practice, reason, now, by)
    return unsent


def _row_says(row: OutboxRow | None, report: Report | None) -> str | None:
    if row is not None:
        try:
            return OdsCode(row.patient_registered_practice_ods_code or "")
        except ValueError:
            return None
    if report is None or report.content is None:
        return None
    return Consultation.model_validate_json(report.content).patient.registered_practice_ods_code


def _pick_up(session: Session, report: Report, practice: str, reason: str, now: datetime, by: str) -> None:
    settled = report.state in (State.INVALID, State.NOT_REQUIRED)
    for kind in ("invalid", "parked", *HOLDING_KINDS):
        ledger.ALERTS.close(
            session, subject_id=report.report_id, kind=kind, now=now, by=by, reason="the practice was named"
        )
    report.recipient_ods_code, report.reason, report.generated_at = practice, None, None
    # what was decided already is late; what waits keeps its time
    report.due_at = now if settled or report.due_at is None else report.due_at
    report.unsent_alerted_at = report.parked_at = None
    report.release()
    ledger.advance(session, report, Event.ROUTED, now, by=by, detail=f"to {practice}: {reason}")
