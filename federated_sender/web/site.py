"""The sender's pages in one place."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.orm import Session

from federated_sender import records
from federated_sender.app import Sender
from federated_sender.web import reports
from shared.errors import CommandFailed
from shared.web.roles import Role
from shared.web.site import Entry, Site
from shared.web.templating import environment


def site(sender: Sender) -> Site[Sender]:
    """Return the pages of ``sender``."""
    return Site(
        title="Consultation reports",
        app=sender,
        pages=reports.PAGES,
        navigation=(
            Entry("Reports", "/reports"),
            Entry("Alerts", "/alerts"),
            Entry("Audit", "/audit", Role.ADMIN),
            Entry("Users", "/users", Role.ADMIN),
        ),
        environment=environment("federated_sender.web"),
        subject_path=subject_path,
    )


def subject_path(session: Session, subject_id: str) -> str | None:
    """Return the page about the subject of an alert; None when it is no report or consultation."""
    with suppress(CommandFailed):
        return f"/reports/{records.find(session, subject_id).report_id}"
    return None
