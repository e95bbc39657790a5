"""The receiver's pages in one place."""

from __future__ import annotations

from sqlalchemy.orm import Session

from registered_receiver.app import Receiver
from registered_receiver.tables import Message, Review, Task
from registered_receiver.web import messages, near_misses, tasks
from shared.web.roles import Role
from shared.web.site import Entry, Site
from shared.web.templating import environment


def site(receiver: Receiver) -> Site[Receiver]:
    """Return the pages of ``receiver``."""
    return Site(
        title="Worklist",
        app=receiver,
        pages=(*tasks.PAGES, *near_misses.PAGES, *messages.PAGES),
        navigation=(
            Entry("Tasks", "/tasks"),
            Entry("Near misses", "/near-misses"),
            Entry("Find a patient", "/search", Role.CLERK),
            Entry("Messages", "/messages"),
            Entry("Alerts", "/alerts"),
            Entry("Audit", "/audit", Role.ADMIN),
            Entry("Users", "/users", Role.ADMIN),
        ),
        environment=environment("registered_receiver.web"),
        subject_path=subject_path,
    )


def subject_path(session: Session, subject_id: str) -> str | None:
    """Return the page about the subject of an alert; None for what has none, such as a mailbox."""
    for table, path in ((Task, "/tasks/"), (Review, "/near-misses/"), (Message, "/messages/")):
        if session.get(table, subject_id) is not None:
            return f"{path}{subject_id}"
    return None
