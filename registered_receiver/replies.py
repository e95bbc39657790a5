"""What is answered: the response to a verdict on a message and to the look-up of its patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from registered_receiver import matching
from shared.itk3.codes import Level, find
from shared.itk3.identity import response_id
from shared.itk3.model import ResponseMessage

if TYPE_CHECKING:
    from shared.itk3.rules import Verdict

_BUSINESS_DIAGNOSTICS: Final = {
    matching.KNOWN: "The patient is registered at this practice; the report was filed",
    matching.UNKNOWN: "No patient of this practice agrees in NHS number, family name and birth date",
    matching.NO_LONGER_HERE: "The patient is no longer registered at this practice",
    matching.RECENTLY_DECEASED: "The patient was registered at this practice and died recently; the report was filed",
}
FILED_CODES: Final = frozenset({matching.KNOWN, matching.RECENTLY_DECEASED})
"""The business codes with which a report is filed."""


@dataclass(frozen=True, slots=True)
class Responder:
    """Who answers: this practice and its mailbox."""

    ods_code: str
    mailbox_id: str


@dataclass(frozen=True, slots=True)
class Request:
    """The message to answer. ``mesh_message_id`` is MESH's id, the others are what could be read of the message."""

    mesh_message_id: str
    message_id: str | None = field(repr=False)
    sender_reference: str | None = field(repr=False)


def infrastructure_response(request: Request, verdict: Verdict, responder: Responder, now: datetime) -> ResponseMessage:
    """Return the infrastructure response to a judged message (GPCM-SD-066, 074)."""
    return _response(request, verdict.code, verdict.issue_type, verdict.diagnostics, responder, now)


def business_response(request: Request, code: str, responder: Responder, now: datetime) -> ResponseMessage:
    """Return the business response that says how the patient stands at this practice."""
    return _response(request, code, find(code).issue_type, _BUSINESS_DIAGNOSTICS[code], responder, now)


def subject(code: str) -> str:
    """Return the MESH subject of a response: no patient data (decision 16)."""
    level = "Business" if find(code).level is Level.BUSINESS else "Infrastructure"
    return f"{level} response {code}"


def _response(
    request: Request, code: str, issue_type: str, diagnostics: str, responder: Responder, now: datetime
) -> ResponseMessage:
    return ResponseMessage(
        response_id=response_id(request.mesh_message_id, find(code).level),
        code=code,
        issue_type=issue_type,
        diagnostics=diagnostics,
        request_message_id=request.message_id,
        sender_reference=request.sender_reference,
        responder_ods_code=responder.ods_code,
        responder_mailbox=responder.mailbox_id,
        generated_at=now,
    )
