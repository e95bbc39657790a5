"""The receiver's pages in one place."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sqlalchemy.orm import Session

from registered_receiver.app import Receiver
from registered_receiver.tables import Message, Review, Task
from registered_receiver.web import messages, near_misses, tasks
from registered_receiver.web.advice import ADVICE
from shared.web.links import Link
from shared.web.roles import Role
from shared.web.site import Site
from shared.web.templating import environment

_SUBJECTS: Final = (
    (Task, Link("The task", "/tasks/")),
    (Review, Link("The near miss", "/near-misses/", Role.CLERK)),
    (Message, Link("The message", "/messages/")),
)


def site(receiver: Receiver) -> Site[Receiver]:
    """Return the pages of ``receiver``."""
    return Site(
        title="Worklist",
        app=receiver,
        pages=(*tasks.PAGES, *near_misses.PAGES, *messages.PAGES),
        navigation=(
            Link("Tasks", "/tasks"),
            Link("Near misses", "/near-misses"),
            Link("Find a patient", "/search", Role.CLERK),
            Link("Messages", "/messages"),
            Link("Alerts", "/alerts"),
            Link("Audit", "/audit", Role.ADMIN),
            Link("Users", "/users", Role.ADMIN),
        ),
        environment=environment("registered_receiver.web"),
        subject_links=subject_links,
        advice=ADVICE,
    )


def subject_links(session: Session, subject_id: str) -> list[Link]:
    """Return the page about the subject of an alert; none for what has none, such as a mailbox."""
    for table, link in _SUBJECTS:
        if session.get(table, subject_id) is not None:
            return [replace(link, path=f"{link.path}{subject_id}")]
    return []
