"""What MESH answers: the values of its good answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from shared.errors import MeshProtocolError
from shared.mesh.messages import Endpoint, LocalIdTracking, Taken, Tracking

FORBIDDEN: Final = frozenset({401, 403, 407})
# Every 5xx is as worth another try; these are the rest.
OVERLOADED: Final = frozenset({408, 425, 429})
# Beyond this, tokens are in danger: MESH refuses them when they are two hours off.
CLOCK_MAY_BE_OFF: Final = timedelta(minutes=1)
_ID_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer, decoded. ``headers`` has lower-case names; ``truncated``: the body went on.

    ``declined``: by its headers the body was not wanted, and none of it was read.

    ``clock_ahead`` is our clock minus MESH's, as the Date header tells it; ``retry_after`` is how many seconds MESH
    asks to wait, 0 when it does not.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    truncated: bool = False
    declined: bool = False
    clock_ahead: timedelta | None = None
    retry_after: float = 0.0

    @property
    def is_passing(self) -> bool:
        """Whether the same call may well succeed a little later."""
        return self.status in OVERLOADED or self.status >= 500

    @property
    def is_clock_off(self) -> bool:
        """Whether our clock and MESH's differ by more than a minute."""
        return self.clock_ahead is not None and abs(self.clock_ahead) > CLOCK_MAY_BE_OFF


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page of an inbox. ``next_link`` is a path with its query, None on the last page."""

    message_ids: tuple[str, ...]
    next_link: str | None


def sent_message_id(answer: Answer) -> str:
    """Return the id under which MESH took a message."""
    message_id = stated_id(json_object(answer.body), "message_id", "messageID")
    if not message_id:
        raise MeshProtocolError("MESH took a message and named no id", http_status=answer.status)
    return message_id


def inbox_page(answer: Answer) -> InboxPage:
    """Return the ids of one page; it may be empty and still have a next one."""
    document = json_object(answer.body)
    ids, links = document.get("messages"), document.get("links") or {}
    if not (isinstance(ids, list) and all(isinstance(each, str) and each and each.isprintable() for each in ids)):
        raise MeshProtocolError("the inbox list has no list of message ids", http_status=answer.status)
    return InboxPage(tuple(ids), first_text(links, "next") if isinstance(links, dict) else None)


def tracking(answer: Answer) -> Tracking:
    """Return what is tracked; the old and the new spelling of the answer are read."""
    document = json_object(answer.body)
    message_id, status = stated_id(document, "message_id", "messageId", "dtsId"), first_text(document, "status")
    if not (message_id and status):
        raise MeshProtocolError("the tracking answer lacks the id or the status", http_status=answer.status)
    return Tracking(message_id, status.lower(), first_text(document, "recipient"))


def local_id_tracking(answer: Answer) -> LocalIdTracking:
    """Return what is known under a local id: 404 is never taken, 300 several times, without ids.

    A message whose chunks are not all there has not been taken: nobody is shown it.
    """
    if answer.status == 300:
        return LocalIdTracking(Taken.SEVERAL_TIMES)
    if answer.status == 404:
        return LocalIdTracking(Taken.NEVER)
    tracked = tracking(answer)
    if not tracked.is_uploading:
        return LocalIdTracking(Taken.ONCE, tracked.message_id)
    chunks = json_object(answer.body).get("chunkCount")
    return LocalIdTracking(Taken.UNFINISHED, tracked.message_id, chunks if isinstance(chunks, int) else None)


def endpoints(answer: Answer) -> list[Endpoint]:
    """Return the mailboxes of a look-up, none when nobody takes the workflow."""
    results = json_object(answer.body).get("results")
    if not isinstance(results, list):
        raise MeshProtocolError("the endpoint look-up has no list of results", http_status=answer.status)
    found = [each for each in results if isinstance(each, dict)]
    return [
        Endpoint(mailbox_id, first_text(each, "mailbox_name", "description") or "")
        for each in found
        if (mailbox_id := first_text(each, "mailbox_id", "address"))
    ]


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that an answer is; raise MeshProtocolError when it is something else."""
    try:
        document = json.loads(body)
        # half a character, which JSON may hold: no path, header or table can carry it
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise MeshProtocolError("the answer of MESH is not JSON") from None
    if not isinstance(document, dict):
        raise MeshProtocolError("the answer of MESH is not a JSON object")
    return document


def first_text(words: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of ``names`` that has a text that says something."""
    values = (words.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def stated_id(document: Mapping[str, Any], *names: str) -> str | None:
    """Return an id that MESH gave a message; what is too long or no text is none, and no table need keep it."""
    found = first_text(document, *names)
    return found if found is not None and len(found) <= _ID_LIMIT and found.isprintable() else None
