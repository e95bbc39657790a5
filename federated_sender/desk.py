"""What people do with reports and alerts; each act and its line in the audit are one transaction.

When the line cannot be written, nothing is shown and nothing is done (FHIR-DOC-02).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from federated_sender import deletion_warning, export, outbox, records, report_list, resending, routing, versions
from federated_sender.eligibility import Reason
from federated_sender.intake import Intake
from federated_sender.ledger import AUDIT
from federated_sender.states import State
from federated_sender.tables import Alert, InboxMessage, Report, ReportBody, Submission
from shared.audit import Actor
from shared.clock import Clock
from shared.db import Database
from shared.errors import CommandFailed
from shared.itk3.model import Document, Organization
from shared.presentation import alert_json, code_meanings, rfc3339, timeline_json

# as shared.export names them; whatever else an address says gets into no line of the audit
_DOCUMENT: Final = re.compile(r"[0-9]{2,3}-(?:report|attachment)\.[a-z]{3,4}")


@dataclass(frozen=True)
class Desk:
    """Where ``who`` looks after the reports: from the command line or from anywhere else."""

    database: Database
    clock: Clock
    intake: Intake
    federation: Mapping[str, Organization]
    who: Actor

    def counts(self) -> tuple[dict[str, int], int]:
        """Return how many reports are in each state, and how many are overdue."""
        with self.database.snapshot() as session:
            return report_list.counts(session), len(report_list.late(session, self.clock()))

    def reports(self, states: Collection[str] = (), limit: int = 0, offset: int = 0) -> list[dict[str, Any]]:
        """Return reports with whom they are about, newest first; ``limit`` 0 is all."""
        with self.database.transaction() as session:
            self._audit(session, "reports_listed")
            return self._shown(session, report_list.newest(session, states=states, limit=limit, offset=offset))

    def overdue(self, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        """Return the reports whose responses should have come by now, with whom they are about (GPCM-SD-095)."""
        with self.database.transaction() as session:
            self._audit(session, "reports_listed")
            return self._shown(session, report_list.late(session, self.clock())[offset : offset + limit])

    def report(self, identifier: str) -> dict[str, Any]:
        """Return one report in full, with whom it is about; raises CommandFailed when there is none."""
        with self.database.transaction() as session:
            report = records.find(session, identifier)
            self._audit_report(session, "report_viewed", report)
            record, lines = records.story(session, report.report_id, self.clock())
            timeline = [timeline_json(line) for line in lines]
            more = {
                "timeline": timeline,
                "codes": code_meanings(record, timeline),
                "alerts": [alert_json(each) for each in _open_about(session, report)],
                "due_at": rfc3339(report.due_at),
                "infrastructure_due_at": rfc3339(report.infrastructure_due_at),
                "business_due_at": rfc3339(report.business_due_at),
            }
            (shown,) = self._shown(session, [report])
            return shown | record | more

    def documents(self, identifier: str) -> tuple[Mapping[str, Document], bool]:
        """Return the documents of a report, the report first, by the names of their files, and whether MESH took them.

        Raises CommandFailed when there is no such report, or no message of it is kept.
        """
        with self.database.transaction() as session:
            report = records.find(session, identifier)
            self._audit_report(session, "documents_listed", report)
            body, sent = _body(session, report), bool(_sent(session, [report]))
        return export.documents_of(body), sent

    def document(self, identifier: str, name: str) -> Document:
        """Return one document as it was built; raises CommandFailed when it is not there."""
        if not _DOCUMENT.fullmatch(name):
            raise CommandFailed("there is no document of that name")
        with self.database.transaction() as session:
            report = records.find(session, identifier)
            found = export.documents_of(_body(session, report)).get(name)
            if found is None:
                raise CommandFailed(f"report {report.report_id} has no document of that name")
            self._audit_report(session, "document_viewed", report, name)
            return found

    def resend(self, identifier: str, reason: str, again: bool) -> Report:
        """Let the same bytes go out once more; see :func:`federated_sender.resending.resend`."""
        with self.database.transaction() as session:
            report = resending.resend(session, identifier, reason, self.clock(), self.who.name, again=again)
            self._audit_report(session, "report_resent", report, reason)
            return report

    def reissue(self, identifier: str, reason: str, again: bool, *, patient: str = "") -> Report:
        """Make the next version after a report; see :func:`federated_sender.resending.reissue`.

        ``patient`` is the NHS number that the person was shown, else the one of the report that they named. Raises
        CommandFailed, too, when the next version is about somebody else.
        """
        with self.database.transaction() as session:
            last = records.find(session, identifier)
            shown = patient or _named_patient(identifier, last)
            consultation_id, versions_before = last.consultation_id, _patients(session, last.consultation_id)
            report = resending.reissue(session, self.intake, consultation_id, reason, self.who.name, again=again)
            _require_same_patient(shown, records.nhs_number(report), versions_before)
            self._audit_report(session, "report_reissued", report, reason)
            return report

    def route(self, identifier: str, practice: str, reason: str, *, patient: str = "") -> Report | None:
        """Let the reports of a report's consultation go to ``practice``; see :func:`federated_sender.routing.route`.

        ``patient`` is the NHS number that the person was shown, else the one of the report that they named. Raises
        CommandFailed, too, when the consultation is about somebody else by now.
        """
        with self.database.transaction() as session:
            report = records.find(session, identifier)
            shown = patient or _named_patient(identifier, report)
            named = routing.named_practice(practice, self.intake.ods_code, self.federation)
            waiting = routing.route(session, report.consultation_id, named, reason, self.clock(), self.who.name)
            known = _patients(session, report.consultation_id)
            for now in _patients_now(session, report.consultation_id, known):
                _require_same_patient(shown, now, known)
            self._audit_report(session, "report_routed", waiting or report, f"to {named}: {reason}")
            return waiting

    def retry(self, identifier: str) -> None:
        """Take a parked record back; raises CommandFailed when it is not parked."""
        with self.database.transaction() as session:
            records.retry(session, identifier, self.clock(), self.who.name)
            if session.get(InboxMessage, identifier) is not None:
                self._audit(session, "record_retried", identifier)
            else:
                self._audit_report(session, "record_retried", records.find(session, identifier))

    def _shown(self, session: Session, reports: Sequence[Report]) -> list[dict[str, Any]]:
        now, sent = self.clock(), _sent(session, reports)
        return [
            report_list.report_json(each, now)
            | deletion_warning.about(each, self.federation)
            | {"was_sent": each.id in sent}
            for each in reports
        ]

    def _audit(self, session: Session, action: str, subject_id: str | None = None) -> None:
        AUDIT.record(session, self.who, action, self.clock(), subject_id=subject_id)

    def _audit_report(self, session: Session, action: str, report: Report, reason: str | None = None) -> None:
        patient = records.nhs_number(report)
        AUDIT.record(
            session, self.who, action, self.clock(), subject_id=report.report_id, nhs_number=patient, reason=reason
        )


def _body(session: Session, report: Report) -> ReportBody:
    body = session.get(ReportBody, report.id)
    if body is None:
        why = "only the record is left" if report.pruned_at else "no message is built"
        raise CommandFailed(f"of report {report.report_id} {why}")
    return body


def _open_about(session: Session, report: Report) -> Sequence[Alert]:
    subjects = [report.report_id]
    went_out = _went_out(session, report.consultation_id)
    # who telephones about a version that never went out telephones about the wrong patient
    if not went_out or report in went_out:
        subjects.append(report.consultation_id)
    query = select(Alert).where(Alert.subject_id.in_(subjects), Alert.closed_at.is_(None))
    return session.scalars(query.order_by(Alert.opened_at)).all()


def reports_of(session: Session, subject_id: str) -> list[Report]:
    """Return the reports that the subject of an alert means, none when it is no report and no consultation.

    Of a consultation these are the versions that went or will go out: of each practice and patient the newest one,
    the newest first. Where none does, it is the newest version.
    """
    try:
        found = records.find(session, subject_id)
    except CommandFailed:
        return []
    if not _names_consultation(subject_id, found):
        return [found]
    told: dict[tuple[str | None, str | None], Report] = {}
    for report in _went_out(session, found.consultation_id):
        told.setdefault((report.recipient_ods_code, records.nhs_number(report)), report)
    return list(told.values()) or [found]


def _went_out(session: Session, consultation_id: str) -> Sequence[Report]:
    """Return what :func:`federated_sender.versions.stored` does, but lock nothing: somebody only looks."""
    goes_out = and_(Report.version.is_not(None), Report.state != State.NOT_REQUIRED)
    query = select(Report).where(Report.consultation_id == consultation_id, goes_out)
    return session.scalars(query.order_by(Report.version.desc())).all()


def _sent(session: Session, reports: Sequence[Report]) -> set[int]:
    """Return which of ``reports`` MESH took at any time."""
    ids = [report.id for report in reports]
    query = select(Submission.report).where(Submission.report.in_(ids), Submission.sent_at.is_not(None))
    return {*session.scalars(query), *(report.id for report in reports if report.sent_at is not None)}


def _named_patient(identifier: str, report: Report) -> str | None:
    """Return whom somebody means who names a report; who names the consultation means whoever it is about."""
    return None if _names_consultation(identifier, report) else records.nhs_number(report)


def _names_consultation(identifier: str, report: Report) -> bool:
    return versions.canonical(identifier.strip()).lower() == report.consultation_id.lower()


def _patients(session: Session, consultation_id: str) -> list[tuple[str, str | None]]:
    """Return each version's report id and NHS number, the one not yet stored first, then the newest.

    One that was not stored and came to nothing by a reversal says nothing.
    """
    counts = or_(Report.version.is_not(None), Report.reason.is_distinct_from(Reason.UNCHANGED))
    query = select(Report).where(Report.consultation_id == consultation_id, counts)
    found = session.scalars(query.order_by(Report.version.is_(None).desc(), Report.version.desc()))
    return [(report.report_id, records.nhs_number(report)) for report in found]


def _patients_now(
    session: Session, consultation_id: str, patients: Sequence[tuple[str, str | None]]
) -> list[str | None]:
    """Return who a consultation is about by its newest version, and by its row."""
    by_version = [number for _, number in patients[:1]]
    row = outbox.find(session, consultation_id, lock=False)
    by_row = None if row is None else routing.number_in_row(row)
    return by_version if by_row is None else [*by_version, by_row]


def _require_same_patient(shown: str | None, now: str | None, patients: Sequence[tuple[str, str | None]]) -> None:
    """Raise CommandFailed when somebody was shown one patient and would act on what is about another one."""
    if shown is None or now == shown:
        return
    other = next((report_id for report_id, number in patients if number == now), None)
    where = f"look at report {other}" if other else "there is no report about that patient yet, look again later"
    raise CommandFailed(f"the consultation is about another patient by now: {where}")
