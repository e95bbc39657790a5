"""Every error that the two daemons raise on purpose.

    MessagingError
    ├─ MeshError
    │  ├─ MeshUnavailable       try again later
    │  │  ├─ MeshUnreachable    no connection could be made: every other call would fail, too
    │  │  └─ MeshUploadInterrupted  chunks are missing: nobody sees the message, and it may be sent anew
    │  ├─ MeshRefused           a person must look: trying again changes nothing
    │  │  ├─ MeshForbidden      our account, or the way to MESH: every other call would be refused, too
    │  │  └─ MeshGone           MESH does not hold (or no longer holds) what was asked for
    │  ├─ MeshPending           on its way to MESH, which has not taken it yet: look it up later
    │  ├─ MeshProtocolError     MESH answered with something that its specification does not allow
    │  └─ MeshAmbiguous         the message may or may not have been taken: look it up first
    ├─ PdsError
    │  ├─ PdsUnavailable        try again later
    │  ├─ PdsRefused            our application, or the way to PDS: a person must look
    │  └─ PdsProtocolError      PDS answered with something that its specification does not allow
    │     └─ PdsRecordUnreadable  the record of this patient alone: other patients' records may well be good
    ├─ InvalidMessage           becomes a negative response, never a traceback
    ├─ InvalidConsultation      becomes the state ``invalid`` and an alert
    ├─ UnexpectedEvent          the state table has no such transition
    ├─ RenderingFailed          the report could not be laid out as a PDF
    ├─ MailFailed               the mail server did not take a mail; it is tried again
    ├─ DatabaseUnusable         not reachable, corrupted, or at another schema version
    ├─ CommandFailed            what the user asked a command to do cannot be done
    └─ ConfigurationError       names every bad setting; exit status 78

No text of these errors holds patient data: they are logged as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class MessagingError(Exception):
    """Anything that the daemons expect to go wrong."""


class MeshError(MessagingError):
    """MESH did not do what was asked.

    ``http_status`` is None when no answer came. ``event``, ``code`` and ``message`` are MESH's own words
    (section 3 of the MESH API's error model); ``message_id`` is set when MESH named the message. ``retryable`` says
    that the same call may be made again later; ``ambiguous`` that MESH may have done what was asked. ``retry_after`` is
    how many seconds MESH asks to wait, 0 when it does not.
    """

    retryable: ClassVar[bool] = False
    ambiguous: ClassVar[bool] = False

    def __init__(
        self,
        summary: str,
        *,
        http_status: int | None = None,
        event: str | None = None,
        code: str | None = None,
        message: str | None = None,
        message_id: str | None = None,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(summary)
        self.http_status = http_status
        self.event = event
        self.code = code
        self.message = message
        self.message_id = message_id
        self.retry_after = retry_after


class MeshUnavailable(MeshError):
    """MESH cannot be reached or is overloaded; nothing was taken, the same call may be made again."""

    retryable = True


class MeshUnreachable(MeshUnavailable):
    """No connection to MESH could be made at all; it has nothing to do with what was asked."""


class MeshUploadInterrupted(MeshUnavailable):
    """A message in chunks broke off before its last chunk was taken; ``message_id`` is that of the unfinished upload.

    MESH shows nobody a message that has chunks missing. The upload may be resumed, and to send anew is safe, too.
    """


class MeshRefused(MeshError):
    """MESH said no for good: credentials, addressing or the message itself must be mended."""


class MeshForbidden(MeshRefused):
    """Whoever answers at MESH's address lets this mailbox or this call not through.

    The fault lies in the account (401, 403, 407), in the address of MESH or in a gateway before it (a redirect, 404,
    405 …), and says nothing about the message: it goes out once a person has mended that.
    """


class MeshGone(MeshRefused):
    """MESH does not hold what was asked for (404) or no longer gives it out (410)."""


class MeshPending(MeshError):
    """The message was handed over on its way to MESH, which has not taken it yet; look it up by its local id later.

    Nothing is wrong, and it must not be sent again meanwhile.
    """

    ambiguous = True


class MeshProtocolError(MeshError):
    """MESH answered outside its specification; the fault is not ours and the bytes are kept."""


class MeshAmbiguous(MeshError):
    """The POST that completes a message broke off: MESH may have taken it. Look it up by its local id."""

    ambiguous = True


class PdsError(MessagingError):
    """PDS did not say where a patient is registered; the report waits and is asked about again.

    ``http_status`` is None when no answer came; ``code`` is PDS's own. No text holds what was asked or answered.
    """

    def __init__(self, summary: str, *, http_status: int | None = None, code: str | None = None) -> None:
        super().__init__(summary)
        self.http_status = http_status
        self.code = code


class PdsUnavailable(PdsError):
    """PDS cannot be reached, is overloaded or asked for patience; the same question may be put again."""


class PdsRefused(PdsError):
    """PDS does not let this application in, or it is not PDS that answers: a person must mend key or address."""


class PdsProtocolError(PdsError):
    """PDS answered outside its specification; nothing is decided upon such an answer."""


class PdsRecordUnreadable(PdsProtocolError):
    """PDS gave the record of a patient, and it cannot be read; this says nothing about other patients."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with some input: where it is (a path) and the rule it breaks, never its value."""

    where: str
    rule: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}"


class InvalidMessage(MessagingError):
    """A received message cannot be read; ``fault`` says why without quoting it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class InvalidConsultation(MessagingError):
    """A consultation cannot be sent; ``faults`` has all that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class UnexpectedEvent(MessagingError):
    """An event arrived that the state table does not allow in the present state."""

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"{event} cannot happen in state {state}")
        self.state = state
        self.event = event


class RenderingFailed(MessagingError):
    """The report could not be laid out as a PDF."""


class MailFailed(MessagingError):
    """The mail server did not take a mail, or may not have; the text holds nothing of the mail."""


class DatabaseUnusable(MessagingError):
    """The database cannot be used as it is; the text says what to do."""


class CommandFailed(MessagingError):
    """A command cannot do what was asked; the text is for the person who typed it."""


class ConfigurationError(MessagingError):
    """The settings cannot be used; ``faults`` names every bad one."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
