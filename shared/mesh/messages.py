"""What travels over MESH, as plain values."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import IO, Final, Self, TypeAlias

CODE_LIMIT: Final = 64
"""The most characters that a code of MESH is read with: it has five, but anybody may stand in the way."""


class MessageType(StrEnum):
    """``Mex-MessageType``: something a mailbox sent, or MESH's own word about something we sent."""

    DATA = "DATA"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to post. ``to`` is a mailbox id or ``GPPROVIDER_…``, which is patient data, as is ``subject``.

    ``body`` may be a binary file that can seek; it is read from its beginning, and only by one thread at a time.
    """

    to: str = field(repr=False)
    workflow_id: str
    local_id: str
    subject: str = field(repr=False)
    body: bytes | IO[bytes] = field(repr=False)
    content_type: str = "application/fhir+xml"

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.seek(0, io.SEEK_END)


@dataclass(frozen=True, slots=True)
class MeshReport:
    """MESH's own word about a message that this mailbox sent.

    ``message_id`` is the report's own, ``linked_message_id`` that of the message it is about, whose ``local_id`` and
    ``workflow_id`` it repeats. ``code`` decides: the event differs between the services that write reports.
    """

    message_id: str
    code: str | None
    event: str | None
    description: str | None
    linked_message_id: str | None
    local_id: str | None
    workflow_id: str
    status_at: datetime | None

    @property
    def is_routing_failure(self) -> bool:
        """Whether MESH found no single mailbox for the patient (EPL-150 to 154)."""
        return (self.code or "").upper().startswith("EPL-")

    @property
    def is_uncollected(self) -> bool:
        """Whether nobody collected the message in time (code 14)."""
        return self.code == "14"


@dataclass(frozen=True, slots=True)
class MessageHeaders:
    """The Mex headers of a message in our inbox. ``subject`` and ``recipient`` may be patient data."""

    message_id: str
    message_type: MessageType
    workflow_id: str
    sender: str | None = None
    recipient: str | None = field(default=None, repr=False)
    local_id: str | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    linked_message_id: str | None = None
    status_code: str | None = None
    status_event: str | None = None
    status_description: str | None = field(default=None, repr=False)
    status_at: datetime | None = None
    total_chunks: int = 1

    @property
    def report(self) -> MeshReport | None:
        """The report that this is, None for a message that a mailbox sent."""
        if self.message_type is not MessageType.REPORT:
            return None
        return MeshReport(
            self.message_id,
            self.status_code,
            self.status_event,
            self.status_description,
            self.linked_message_id,
            self.local_id,
            self.workflow_id,
            self.status_at,
        )


Wanted: TypeAlias = Callable[[MessageHeaders], bool]
"""Says by what a message is whether its body is to be read."""


def whatever_it_is(headers: MessageHeaders) -> bool:  # noqa: ARG001 - of any
    """Want the body of every message."""
    return True


class IncomingMessage:
    """A message as it was downloaded; a REPORT has an empty body.

    ``truncated`` says that the message is larger than was asked for and the body is only its beginning, ``declined``
    that by its headers the message was not wanted, and there is no body. A large body lies in a file without a name,
    which ``close()`` or the end of a ``with`` removes.
    """

    def __init__(
        self, headers: MessageHeaders, content: IO[bytes], *, truncated: bool = False, declined: bool = False
    ) -> None:
        self.headers = headers
        self.truncated = truncated
        self.declined = declined
        self._content = content
        self.size = content.seek(0, io.SEEK_END)

    def __repr__(self) -> str:
        return f"IncomingMessage({self.headers!r}, size={self.size}, truncated={self.truncated})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the body."""
        self._content.close()

    @property
    def report(self) -> MeshReport | None:
        """The report that this is, None for a message that a mailbox sent."""
        return self.headers.report

    @property
    def body(self) -> bytes:
        """The body as a whole, in memory."""
        return self.open().read()

    def open(self) -> IO[bytes]:
        """Return the file with the body, set to its beginning; it is closed with the message, not by the reader."""
        self._content.seek(0)
        return self._content


@dataclass(frozen=True, slots=True)
class Tracking:
    """What MESH knows of a message that we sent."""

    message_id: str
    status: str
    recipient: str | None = None

    @property
    def is_uploading(self) -> bool:
        """Whether chunks are missing, so that nobody is shown the message."""
        return self.status == "uploading"


class Taken(StrEnum):
    """How often MESH took a message with one of our local ids.

    ``ON_ITS_WAY`` was handed over and not taken yet; ``UNFINISHED`` is an upload that lacks chunks.
    """

    NEVER = "never"
    ON_ITS_WAY = "on its way"
    UNFINISHED = "unfinished"
    ONCE = "once"
    SEVERAL_TIMES = "several times"


@dataclass(frozen=True, slots=True)
class LocalIdTracking:
    """What MESH knows under one of our local ids; it tells no ``message_id`` of one taken several times.

    ``chunks`` is how many an unfinished upload is to have, when MESH says so. ``is_usual`` says that a send always
    ends with such a look, and not only after something went wrong.
    """

    taken: Taken
    message_id: str | None = None
    chunks: int | None = None
    is_usual: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A mailbox that takes a workflow for an organisation."""

    mailbox_id: str
    mailbox_name: str
