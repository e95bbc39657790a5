"""What came in from MESH and what became of it: what was refused, and why, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from registered_receiver import records
from registered_receiver.app import Receiver
from registered_receiver.states import MessageState
from registered_receiver.tables import Message, Task
from shared.errors import CommandFailed
from shared.itk3 import task_read
from shared.meanings.catalogue import meaning_of
from shared.presentation import code_meanings, timeline_json
from shared.web.roles import Role
from shared.web.site import Page, Visit

_MOST: Final = 200
_ALL: Final = "all"


def listing(visit: Visit[Receiver]) -> Response:
    """Show the newest messages of one state, refused ones unless another is asked for."""
    wanted = visit.query("state") or MessageState.REJECTED
    if wanted != _ALL and wanted not in set(MessageState):
        raise CommandFailed("there is no such list of messages")
    with visit.app.database.snapshot() as session:
        state = None if wanted == _ALL else wanted
        found = records.listing(session, state=state, since=None, limit=_MOST)
        counts = records.counts(session)
        _keep_confidence(session, found)
    for message in found:
        code = message["business_code"] or message["infrastructure_code"]
        message["means"] = meaning_of(code).means if code else ""
    return visit.render("messages.html", messages=found, wanted=wanted, counts=counts, most=_MOST)


def show(visit: Visit[Receiver]) -> Response:
    """Show one message, what its codes mean, and everything that happened to it; a task's id will do, too."""
    with visit.app.database.snapshot() as session:
        record, timeline = records.story(session, visit.parameter("identifier"))
        lines = [timeline_json(entry) for entry in timeline]
        _keep_confidence(session, [record])
    return visit.render("message.html", message=record, lines=lines, codes=code_meanings(record, lines))


def _keep_confidence(session: Session, found: Sequence[dict[str, Any]]) -> None:
    """Take from messages about a confidential consultation the mailbox, which names the practice (GPCM-SD-092)."""
    query = select(Message, Task).outerjoin(Task, Task.mesh_message_id == Message.mesh_message_id)
    query = query.where(Message.mesh_message_id.in_([message["mesh_message_id"] for message in found]))
    withheld = {message.mesh_message_id: _why_withheld(message, task) for message, task in session.execute(query)}
    for message in found:
        message["withheld"] = withheld[message["mesh_message_id"]]
        if message["withheld"]:
            message["sender_mailbox"] = None


def _why_withheld(message: Message, task: Task | None) -> str:
    if task is not None:
        return "confidential" if task.confidential else ""
    if message.pruned_at is not None:
        # what told whether it was confidential is gone
        return "not shown any more"
    # as registered_receiver.subjects judges it: a subject that does not follow the template says nothing
    subject = message.subject or ""
    return "confidential" if ", nhs number" in subject.casefold() and task_read.is_confidential(subject) else ""


PAGES: Final[tuple[Page[Receiver], ...]] = (
    Page("GET", "/messages", Role.VIEWER, listing),
    Page("GET", "/messages/{identifier}", Role.VIEWER, show),
)
