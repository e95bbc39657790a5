"""The sender's pages in one place."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.orm import Session

from federated_sender import records
from federated_sender.app import Sender
from federated_sender.web import reports
from federated_sender.web.advice import ADVICE
from shared.errors import CommandFailed
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
        subject_link=subject_link,
        advice=ADVICE,
    )


def subject_link(session: Session, subject_id: str) -> Link | None:
    """Return the page about the subject of an alert; None when it is no report or consultation."""
    with suppress(CommandFailed):
        return Link("The report", f"/reports/{records.find(session, subject_id).report_id}")
    return None
