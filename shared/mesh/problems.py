"""What MESH says is wrong: every shape of its errors as one of our own."""

from __future__ import annotations

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
from shared.mesh.answers import FORBIDDEN, Answer, first_text, json_object, stated_id
from shared.mesh.folding import redact
from shared.mesh.messages import CODE_LIMIT

GONE: Final = frozenset({404, 410})
# What MESH answers to a message that it will not have; any other refusal says nothing about the message.
UNACCEPTABLE: Final = frozenset({400, 413, 417, 422})
_OWN_MAILBOX_UNKNOWN: Final = "EPL-151"
_TEXT_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """MESH's own words about what is wrong, as far as it gave any."""

    event: str | None = None
    code: str | None = None
    message: str | None = field(default=None, repr=False)
    message_id: str | None = None


def read_problem(body: bytes, *patient_data: str) -> Problem:
    """Read an error body of any shape that MESH, its validation or a machine before it gives; never raises.

    What it says is shortened and ``patient_data`` masked in it, since MESH may quote what it was sent.
    """
    try:
        document = json_object(body)
    except MeshProtocolError:
        return Problem()
    detail = document.get("detail")
    first = detail[0] if isinstance(detail, list) and detail else detail
    words: Mapping[str, Any] = first if isinstance(first, dict) else document
    message = first if isinstance(first, str) else first_text(words, "msg", "errorDescription", "message")
    return Problem(
        event=_clean(first_text(words, "event", "errorEvent"), patient_data, CODE_LIMIT),
        code=_clean(first_text(words, "code", "errorCode"), patient_data, CODE_LIMIT),
        message=_clean(message, patient_data),
        message_id=stated_id(document, "message_id", "messageID"),
    )


def failure(answer: Answer, call: str) -> MeshError:
    """Return the error for an answer that is not the one that a repeatable ``call`` hoped for."""
    return _error(_error_class(answer), answer, call)


def account_failure(answer: Answer, call: str) -> MeshError:
    """Return the error for a ``call`` that concerns no single message: MeshForbidden unless it will pass."""
    return _error(MeshUnavailable if answer.is_passing else MeshForbidden, answer, call)


def send_failure(answer: Answer, *patient_data: str) -> MeshError:
    """Return the error for the POST that creates a message.

    MeshAmbiguous whenever MESH may have taken it, and MeshRefused only when MESH refused this very message.
    """
    return _error(_send_error_class(answer), answer, "send", *patient_data)


def chunk_failure(answer: Answer) -> MeshError:
    """Return the error for a later chunk that was refused: MeshGone when there is no such upload to add it to."""
    if answer.status in (404, 406):
        return _error(MeshGone, answer, "chunk")
    if answer.is_passing or answer.status < 300:
        return _error(MeshUnavailable, answer, "chunk")
    return _error(MeshRefused if answer.status in UNACCEPTABLE else MeshForbidden, answer, "chunk")


def _error(kind: type[MeshError], answer: Answer, call: str, *patient_data: str) -> MeshError:
    problem = read_problem(answer.body, *patient_data)
    words = " ".join(filter(None, (problem.event, problem.code, problem.message)))
    advice = _advice(answer, problem)
    return kind(
        f"{call}: MESH answered {answer.status}" + (f" ({words})" if words else "") + (f": {advice}" if advice else ""),
        http_status=answer.status,
        event=problem.event,
        code=problem.code,
        message=problem.message,
        message_id=problem.message_id,
        retry_after=answer.retry_after,
    )


def _advice(answer: Answer, problem: Problem) -> str:
    """Return what a person must do about a refused account, the likeliest cause first."""
    if answer.status not in FORBIDDEN:
        return ""
    if problem.code == _OWN_MAILBOX_UNKNOWN:
        # the same code in a MeshReport is about the recipient; here it is about whoever called
        return "MESH does not know our own mailbox; check MESH_MAILBOX_ID, and MESH_URL for the environment"
    off = answer.clock_ahead
    if off is not None and answer.is_clock_off:
        way = "ahead of" if off.total_seconds() > 0 else "behind"
        return f"this machine's clock is {round(abs(off.total_seconds()) / 60)} minutes {way} MESH's; set it first"
    return (
        "check the clock, MESH_MAILBOX_ID, MESH_MAILBOX_PASSWORD, MESH_SHARED_KEY"
        " and the certificate in MESH_CLIENT_CERT_FILE"
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
    if answer.status == 400 and read_problem(answer.body) == Problem():
        # a gateway's, for instance about our certificate: MESH says what is wrong with a message
        return MeshForbidden
    return MeshRefused if answer.status in UNACCEPTABLE else MeshForbidden


def _clean(text: str | None, patient_data: tuple[str, ...], limit: int = _TEXT_LIMIT) -> str | None:
    if not text:
        return None
    # what no database and no log can hold may be escaped in JSON
    printable = "".join(each if each.isprintable() else " " for each in text)
    return redact(" ".join(printable.split()), *patient_data)[:limit]
