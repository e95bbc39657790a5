"""What people do with reports and alerts; each act and its line in the audit are one transaction.

When the line cannot be written, nothing is shown and nothing is done (FHIR-DOC-02).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from federated_sender import deletion_warning, export, records, resending, routing
from federated_sender.intake import Intake
from federated_sender.ledger import AUDIT
from federated_sender.tables import Alert, Report, ReportBody
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
            return records.counts(session), len(records.late(session, self.clock()))

    def reports(self, states: Collection[str] = (), limit: int = 0, offset: int = 0) -> list[dict[str, Any]]:
        """Return reports with whom they are about, newest first; ``limit`` 0 is all."""
        with self.database.transaction() as session:
            self._audit(session, "reports_listed")
            return self._shown(records.newest(session, states=states, limit=limit, offset=offset))

    def overdue(self, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        """Return the reports whose responses should have come by now, with whom they are about (GPCM-SD-095)."""
        with self.database.transaction() as session:
            self._audit(session, "reports_listed")
            return self._shown(records.late(session, self.clock())[offset : offset + limit])

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
            return record | deletion_warning.about(report, self.federation) | more

    def documents(self, identifier: str) -> Mapping[str, Document]:
        """Return the documents of a report as they were sent, the report first, by the names of their files.

        Raises CommandFailed when there is no such report, or no message of it is kept.
        """
        with self.database.transaction() as session:
            report = records.find(session, identifier)
            self._audit_report(session, "documents_listed", report)
            body = _body(session, report)
        return export.documents_of(body)

    def document(self, identifier: str, name: str) -> Document:
        """Return one document as it was sent; raises CommandFailed when it is not there."""
        if not _DOCUMENT.fullmatch(name):
            raise CommandFailed("there is no document of that name")
        with self.database.transaction() as session:
            report = records.find(session, identifier)
            self._audit_report(session, "document_viewed", report, name)
            body = _body(session, report)
        found = export.documents_of(body).get(name)
        if found is None:
            raise CommandFailed(f"report {report.report_id} has no document of that name")
        return found

    def resend(self, identifier: str, reason: str, again: bool) -> Report:
        """Let the same bytes go out once more; see :func:`federated_sender.resending.resend`."""
        with self.database.transaction() as session:
            report = resending.resend(session, identifier, reason, self.clock(), self.who.name, again=again)
            self._audit_report(session, "report_resent", report, reason)
            return report

    def reissue(self, identifier: str, reason: str, again: bool) -> Report:
        """Make the next version after a report; see :func:`federated_sender.resending.reissue`."""
        with self.database.transaction() as session:
            last = records.find(session, identifier).consultation_id
            report = resending.reissue(session, self.intake, last, reason, self.who.name, again=again)
            self._audit_report(session, "report_reissued", report, reason)
            return report

    def route(self, identifier: str, practice: str, reason: str) -> Report | None:
        """Let the reports of a report's consultation go to ``practice``; see :func:`federated_sender.routing.route`."""
        with self.database.transaction() as session:
            report = records.find(session, identifier)
            named = routing.named_practice(practice, self.intake.ods_code, self.federation)
            waiting = routing.route(session, report.consultation_id, named, reason, self.clock(), self.who.name)
            self._audit_report(session, "report_routed", waiting or report, f"to {named}: {reason}")
            return waiting

    def retry(self, identifier: str) -> None:
        """Take a parked record back; raises CommandFailed when it is not parked."""
        with self.database.transaction() as session:
            records.retry(session, identifier, self.clock(), self.who.name)
            self._audit(session, "record_retried", identifier)

    def _shown(self, reports: Sequence[Report]) -> list[dict[str, Any]]:
        now = self.clock()
        return [records.report_json(each, now) | deletion_warning.about(each, self.federation) for each in reports]

    def _audit(self, session: Session, action: str, subject_id: str | None = None, reason: str | None = None) -> None:
        AUDIT.record(session, self.who, action, self.clock(), subject_id=subject_id, reason=reason)

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
    query = select(Alert).where(Alert.subject_id.in_((report.report_id, report.consultation_id)))
    return session.scalars(query.where(Alert.closed_at.is_(None)).order_by(Alert.opened_at)).all()
