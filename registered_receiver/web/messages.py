"""What came in from MESH and what became of it: what was refused, and why, in plain words."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from registered_receiver import records
from registered_receiver.app import Receiver
from registered_receiver.states import MessageState
from shared.errors import CommandFailed
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
    for message in found:
        code = message["business_code"] or message["infrastructure_code"]
        message["means"] = meaning_of(code).means if code else ""
    return visit.render("messages.html", messages=found, wanted=wanted, counts=counts, most=_MOST)


def show(visit: Visit[Receiver]) -> Response:
    """Show one message, what its codes mean, and everything that happened to it; a task's id will do, too."""
    with visit.app.database.snapshot() as session:
        record, timeline = records.story(session, visit.parameter("identifier"))
        lines = [timeline_json(entry) for entry in timeline]
    return visit.render("message.html", message=record, lines=lines, codes=code_meanings(record, lines))


PAGES: Final[tuple[Page[Receiver], ...]] = (
    Page("GET", "/messages", Role.VIEWER, listing),
    Page("GET", "/messages/{identifier}", Role.VIEWER, show),
)
