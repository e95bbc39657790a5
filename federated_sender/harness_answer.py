"""A response as the rules for responses look at it."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.itk3.codes import RESPONSE_CODES, ResponseCode
from shared.itk3.element import Element
from shared.itk3.envelope import Envelope
from shared.itk3.parse import Reading


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, with what it must agree with: the message that it answers and the mailbox it came from.

    ``message_id`` and ``sender_reference`` are None when the other system could not read them. ``patient_data`` is
    what no response may repeat.
    """

    reading: Reading
    workflow_id: str
    mailbox: str | None
    acknowledgement_workflow: str
    message_id: str | None = field(repr=False)
    sender_reference: str | None = field(repr=False)
    patient_data: frozenset[str] = field(repr=False, default=frozenset())

    @property
    def envelope(self) -> Envelope | None:
        """The response, if it can be read."""
        return self.reading.envelope

    @property
    def header(self) -> Element | None:
        """Its MessageHeader."""
        return self.envelope.header if self.envelope is not None else None

    @property
    def outcome(self) -> Element | None:
        """The OperationOutcome that its header refers to."""
        if self.envelope is None:
            return None
        return self.envelope.message.follow(self.header, "response", "details", "OperationOutcome")

    @property
    def coding(self) -> Element | None:
        """The one coding of the one issue."""
        return self.outcome.one("issue", "details", "coding") if self.outcome is not None else None

    @property
    def code(self) -> ResponseCode | None:
        """What its code means; None when nobody published it."""
        return RESPONSE_CODES.get((self.coding.text("code") or "").strip()) if self.coding is not None else None
