"""The Mex headers: those we send with a message, and what MESH tells of one in our inbox."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from shared.errors import MeshProtocolError, MeshRefused
from shared.mesh.folding import fold_subject, redact
from shared.mesh.messages import CODE_LIMIT, MessageHeaders, MessageType, OutgoingMessage

# The lengths that MESH takes; anything longer is answered with 400.
LIMITS: Final = {
    "Mex-From": 100,
    "Mex-To": 100,
    "Mex-WorkflowID": 300,
    "Mex-LocalID": 300,
    "Mex-Subject": 500,
    "Content-Type": 100,
}
_CHUNK_RANGE: Final = re.compile(r"\s*([0-9]{1,6})\s*:\s*([0-9]{1,6})\s*")


def send_headers(message: OutgoingMessage, sender: str) -> dict[str, str]:
    """Return the headers that go with ``message``, in full or not at all.

    Raises MeshRefused, naming the header and the rule but never the value, for what MESH would refuse. The
    subject is only shown to people and is folded instead (decision 30).
    """
    headers = {
        "Mex-From": sender,  # GPCM-SD-062
        "Mex-To": message.to,
        "Mex-WorkflowID": message.workflow_id,
        "Mex-LocalID": message.local_id,
        "Mex-Subject": fold_subject(message.subject),
        "Content-Type": message.content_type,
    }
    for name, value in headers.items():
        rule = _broken_rule(name, value)
        if rule:
            raise MeshRefused(f"{name} {rule}")
    return {name: value for name, value in headers.items() if value}


def _broken_rule(name: str, value: str) -> str | None:
    if not value:
        return None if name == "Mex-Subject" else "is empty"
    if not (value.isascii() and value.isprintable()):
        return "has a character that a header cannot carry"
    if value != value.strip():
        return "begins or ends with a space"
    if len(value) > LIMITS[name]:
        return f"is longer than {LIMITS[name]} characters"
    if name in ("Mex-To", "Mex-WorkflowID") and re.match("https?://", value, re.IGNORECASE):
        return "is a web address"
    return None


def read_headers(message_id: str, headers: Mapping[str, str]) -> MessageHeaders:
    """Return what MESH says of the message that it lists as ``message_id``; ``headers`` has lower-case names.

    Raises MeshProtocolError when the answer is about another message, or its type is not one of MESH's.
    """
    stated_id = _value(headers, "mex-messageid")
    if stated_id is not None and stated_id.upper() != message_id.upper():
        raise MeshProtocolError("MESH answered with the headers of another message", message_id=message_id)
    try:
        message_type = MessageType((_value(headers, "mex-messagetype") or "").upper())
    except ValueError:
        raise MeshProtocolError("the message is neither DATA nor REPORT", message_id=message_id) from None
    return MessageHeaders(
        message_id=message_id,
        message_type=message_type,
        workflow_id=_value(headers, "mex-workflowid") or "",
        sender=_value(headers, "mex-from"),
        recipient=_value(headers, "mex-to"),
        local_id=_value(headers, "mex-localid"),
        subject=_value(headers, "mex-subject"),
        linked_message_id=_value(headers, "mex-linkedmsgid"),
        status_code=(_value(headers, "mex-statuscode") or "")[:CODE_LIMIT] or None,
        status_event=_value(headers, "mex-statusevent"),
        status_description=redact(_value(headers, "mex-statusdescription") or "") or None,
        status_at=_status_time(headers),
        total_chunks=_total_chunks(headers),
    )


def _value(headers: Mapping[str, str], name: str) -> str | None:
    return headers.get(name, "").strip() or None


def _status_time(headers: Mapping[str, str]) -> datetime | None:
    try:
        return datetime.strptime(headers.get("mex-statustimestamp", ""), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _total_chunks(headers: Mapping[str, str]) -> int:
    """Return how many chunks there are: ``n:total``; a report has 0."""
    stated = _CHUNK_RANGE.fullmatch(headers.get("mex-chunk-range", ""))
    return int(stated[2]) if stated else 1


def check_chunk(message_id: str, number: int, total: int, headers: Mapping[str, str]) -> None:
    """Raise MeshProtocolError when a downloaded chunk says that it is another one, or of another message."""
    stated_id = _value(headers, "mex-messageid") or message_id
    stated = _CHUNK_RANGE.fullmatch(headers.get("mex-chunk-range", ""))
    fits = stated is None or (int(stated[1]), int(stated[2])) == (number, total)
    if not fits or stated_id.upper() != message_id.upper():
        raise MeshProtocolError("MESH gave another chunk than the one asked for", message_id=message_id)
