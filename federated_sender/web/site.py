"""The sender's pages in one place."""

from __future__ import annotations

from sqlalchemy.orm import Session

from federated_sender.app import Sender
from federated_sender.desk import reports_of
from federated_sender.web import reports
from federated_sender.web.advice import ADVICE
from shared.web.links import Link
from shared.web.roles import Role
from shared.web.site import Site
from shared.web.templating import environment


def site(sender: Sender) -> Site[Sender]:
    """Return the pages of ``sender``."""
    return Site(
        title="Consultation reports",
        app=sender,
        pages=reports.PAGES,
        navigation=(
            Link("Reports", "/reports"),
            Link("Alerts", "/alerts"),
            Link("Audit", "/audit", Role.ADMIN),
            Link("Users", "/users", Role.ADMIN),
        ),
        environment=environment("federated_sender.web"),
        subject_links=subject_links,
        advice=ADVICE,
    )


def subject_links(session: Session, subject_id: str) -> list[Link]:
    """Return the pages about the subject of an alert: several when versions went to different practices or patients."""
    found = reports_of(session, subject_id)
    return [
        Link(
            "The report"
            if len(found) == 1
            else f"The report, version {report.version}, to {report.recipient_ods_code}",
            f"/reports/{report.report_id}",
        )
        for report in found
    ]
