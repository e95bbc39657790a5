"""What MESH answers: the values of its good answers, and every shape of its errors as one of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshGone,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
)
from shared.mesh.folding import redact
from shared.mesh.messages import CODE_LIMIT, Endpoint, LocalIdTracking, Taken, Tracking

FORBIDDEN: Final = frozenset({401, 403, 407})
GONE: Final = frozenset({404, 410})
# Every 5xx is as worth another try; these are the rest.
OVERLOADED: Final = frozenset({408, 425, 429})
# What MESH answers to a message that it will not have; any other refusal says nothing about the message.
UNACCEPTABLE: Final = frozenset({400, 413, 417, 422})
_TEXT_LIMIT: Final = 200
_ID_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer, decoded. ``headers`` has lower-case names; ``truncated``: the body went on."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    truncated: bool = False

    @property
    def is_passing(self) -> bool:
        """Whether the same call may well succeed a little later."""
        return self.status in OVERLOADED or self.status >= 500


@dataclass(frozen=True, slots=True)
class Problem:
    """MESH's own words about what is wrong, as far as it gave any."""

    event: str | None = None
    code: str | None = None
    text: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page of an inbox. ``next_link`` is a path with its query, None on the last page."""

    message_ids: tuple[str, ...]
    next_link: str | None


def read_problem(body: bytes, *patient_data: str) -> Problem:
    """Read an error body of any shape that MESH, its validation or a machine before it gives; never raises.

    What it says is shortened and ``patient_data`` masked in it, since MESH may quote what it was sent.
    """
    try:
        document = _json(body)
    except MeshProtocolError:
        return Problem()
    detail = document.get("detail")
    first = detail[0] if isinstance(detail, list) and detail else detail
    words: Mapping[str, Any] = first if isinstance(first, dict) else document
    text = first if isinstance(first, str) else _first(words, "msg", "errorDescription", "message")
    return Problem(
        event=_clean(_first(words, "event", "errorEvent"), patient_data, CODE_LIMIT),
        code=_clean(_first(words, "code", "errorCode"), patient_data, CODE_LIMIT),
        text=_clean(text, patient_data),
        message_id=_message_id(document, "message_id", "messageID"),
    )


def failure(answer: Answer, call: str) -> MeshError:
    """Return the error for an answer that is not the one that a repeatable ``call`` hoped for."""
    return _error(_error_class(answer), answer, call)


def account_failure(answer: Answer, call: str) -> MeshError:
    """Return the error for a ``call`` that concerns no single message: MeshForbidden unless it will pass."""
    return _error(MeshUnavailable if answer.is_passing else MeshForbidden, answer, call)


def send_failure(answer: Answer, *patient_data: str) -> MeshError:
    """Return the error for a message that was posted.

    MeshAmbiguous whenever MESH may have taken it, and MeshRefused only when MESH refused this very message.
    """
    return _error(_send_error_class(answer), answer, "send", *patient_data)


def _error(kind: type[MeshError], answer: Answer, call: str, *patient_data: str) -> MeshError:
    problem = read_problem(answer.body, *patient_data)
    words = " ".join(filter(None, (problem.event, problem.code, problem.text)))
    return kind(
        f"{call}: MESH answered {answer.status}" + (f" ({words})" if words else ""),
        http_status=answer.status,
        event=problem.event,
        code=problem.code,
        text=problem.text,
        message_id=problem.message_id,
    )


def _error_class(answer: Answer) -> type[MeshError]:
    if answer.is_passing:
        return MeshUnavailable
    if answer.status in FORBIDDEN:
        return MeshForbidden
    if answer.status in GONE:
        return MeshGone
    return MeshRefused if answer.status >= 400 else MeshProtocolError


def _send_error_class(answer: Answer) -> type[MeshError]:
    if answer.status in (425, 429):
        return MeshUnavailable
    if answer.is_passing or answer.status < 300:
        return MeshAmbiguous
    # MESH has no other refusal of a message: somebody else answers at this address, or we are not let in.
    return MeshRefused if answer.status in UNACCEPTABLE else MeshForbidden


def sent_message_id(answer: Answer) -> str:
    """Return the id under which MESH took a message."""
    message_id = _message_id(_json(answer.body), "message_id", "messageID")
    if not message_id:
        raise MeshProtocolError("MESH took a message and named no id", http_status=answer.status)
    return message_id


def inbox_page(answer: Answer) -> InboxPage:
    """Return the ids of one page; it may be empty and still have a next one."""
    document = _json(answer.body)
    ids, links = document.get("messages"), document.get("links") or {}
    if not (isinstance(ids, list) and all(isinstance(each, str) and each for each in ids)):
        raise MeshProtocolError("the inbox list has no list of message ids", http_status=answer.status)
    return InboxPage(tuple(ids), _first(links, "next") if isinstance(links, dict) else None)


def tracking(answer: Answer) -> Tracking:
    """Return what is tracked; the old and the new spelling of the answer are read."""
    document = _json(answer.body)
    message_id, status = _message_id(document, "message_id", "messageId", "dtsId"), _first(document, "status")
    if not (message_id and status):
        raise MeshProtocolError("the tracking answer lacks the id or the status", http_status=answer.status)
    return Tracking(message_id, status.lower(), _first(document, "recipient"))


def local_id_tracking(answer: Answer) -> LocalIdTracking:
    """Return what is known under a local id: 404 is never taken, 300 several times, without ids."""
    if answer.status == 300:
        return LocalIdTracking(Taken.SEVERAL_TIMES)
    if answer.status == 404:
        return LocalIdTracking(Taken.NEVER)
    return LocalIdTracking(Taken.ONCE, tracking(answer).message_id)


def endpoints(answer: Answer) -> list[Endpoint]:
    """Return the mailboxes of a look-up, none when nobody takes the workflow."""
    results = _json(answer.body).get("results")
    if not isinstance(results, list):
        raise MeshProtocolError("the endpoint look-up has no list of results", http_status=answer.status)
    found = [each for each in results if isinstance(each, dict)]
    return [
        Endpoint(mailbox_id, _first(each, "mailbox_name", "description") or "")
        for each in found
        if (mailbox_id := _first(each, "mailbox_id", "address"))
    ]


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise MeshProtocolError("the answer of MESH is not JSON") from None
    if not isinstance(document, dict):
        raise MeshProtocolError("the answer of MESH is not a JSON object")
    return document


def _first(words: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of ``names`` that has a text that says something."""
    values = (words.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def _message_id(document: Mapping[str, Any], *names: str) -> str | None:
    """Return an id that MESH gave a message; what is too long is none, and no table need keep it."""
    found = _first(document, *names)
    return found if found is not None and len(found) <= _ID_LIMIT else None


def _clean(text: str | None, patient_data: tuple[str, ...], limit: int = _TEXT_LIMIT) -> str | None:
    return redact(" ".join(text.split()), *patient_data)[:limit] if text else None
