"""What came in from MESH and what became of it: what was refused, and why, in plain words."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from registered_receiver import message_list
from registered_receiver.app import Receiver
from registered_receiver.states import MessageState
from registered_receiver.web.tasks import desk_of
from shared.errors import CommandFailed
from shared.meanings.catalogue import meaning_of
from shared.presentation import code_meanings
from shared.web.roles import Role
from shared.web.site import Page, Visit

_A_PAGE: Final = 50
_ALL: Final = "all"


def listing(visit: Visit[Receiver]) -> Response:
    """Show the messages of one state, refused ones unless another is asked for, newest first."""
    wanted = visit.query("state") or MessageState.REJECTED
    if wanted != _ALL and wanted not in set(MessageState):
        raise CommandFailed("there is no such list of messages")
    number = visit.page()
    # one more than is shown says whether there is a next page
    found = desk_of(visit).messages(None if wanted == _ALL else wanted, _A_PAGE + 1, (number - 1) * _A_PAGE)
    with visit.app.database.snapshot() as session:
        counts = message_list.counts(session)
    for message in found:
        code = message["business_code"] or message["infrastructure_code"]
        message["means"] = meaning_of(code).means if code else ""
    shown, more = found[:_A_PAGE], len(found) > _A_PAGE
    return visit.render("messages.html", messages=shown, wanted=wanted, counts=counts, number=number, more=more)


def show(visit: Visit[Receiver]) -> Response:
    """Show one message, what its codes mean, and everything that happened to it; a task's id will do, too."""
    record = desk_of(visit).message(visit.parameter("identifier"))
    lines = record["timeline"]
    parked = any(each["parked_at"] for each in (record, *record["responses"]))
    codes = code_meanings(record, lines)
    return visit.render("message.html", message=record, lines=lines, codes=codes, parked=parked)


def retry(visit: Visit[Receiver]) -> Response:
    """Take a message, or the responses to it, back into work that had been set aside."""
    identifier = visit.parameter("identifier")
    desk_of(visit).retry(identifier)
    return visit.go(f"/messages/{identifier}")


PAGES: Final[tuple[Page[Receiver], ...]] = (
    Page("GET", "/messages", Role.VIEWER, listing),
    Page("GET", "/messages/{identifier}", Role.VIEWER, show),
    Page("POST", "/messages/{identifier}/retry", Role.CLERK, retry),
)
