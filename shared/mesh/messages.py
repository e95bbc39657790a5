"""What travels over MESH, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

CODE_LIMIT: Final = 64
"""The most characters that a code of MESH is read with: it has five, but anybody may stand in the way."""


class MessageType(StrEnum):
    """``Mex-MessageType``: something a mailbox sent, or MESH's own word about something we sent."""

    DATA = "DATA"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to post. ``to`` is a mailbox id or ``GPPROVIDER_…``, which is patient data, as is ``subject``."""

    to: str = field(repr=False)
    workflow_id: str
    local_id: str
    subject: str = field(repr=False)
    body: bytes = field(repr=False)
    content_type: str = "application/fhir+xml"


@dataclass(frozen=True, slots=True)
class MessageHeaders:
    """The Mex headers of a message in our inbox. ``subject`` and ``recipient`` may be patient data."""

    message_id: str
    message_type: MessageType
    workflow_id: str
    sender: str | None = None
    recipient: str | None = field(default=None, repr=False)
    local_id: str | None = None
    subject: str | None = field(default=None, repr=False)
    linked_message_id: str | None = None
    status_code: str | None = None
    status_event: str | None = None
    status_description: str | None = None
    status_at: datetime | None = None
    total_chunks: int = 1


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message as it was downloaded; a REPORT has an empty body.

    ``truncated`` says that the message is larger than was asked for and ``body`` is only its beginning.
    """

    headers: MessageHeaders
    body: bytes = field(repr=False)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Tracking:
    """What MESH knows of a message that we sent."""

    message_id: str
    status: str
    recipient: str | None = None


class Taken(StrEnum):
    """How often MESH took a message with one of our local ids."""

    NEVER = "never"
    ONCE = "once"
    SEVERAL_TIMES = "several times"


@dataclass(frozen=True, slots=True)
class LocalIdTracking:
    """What MESH knows under one of our local ids; only a message taken once has its ``message_id`` told."""

    taken: Taken
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A mailbox that takes a workflow for an organisation."""

    mailbox_id: str
    mailbox_name: str
