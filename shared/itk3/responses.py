"""Reads infrastructure and business responses, leniently (decision 15)."""

from __future__ import annotations

from shared.itk3 import codes, systems
from shared.itk3.element import Element
from shared.itk3.envelope import Envelope, ods_code
from shared.itk3.model import ReceivedResponse
from shared.itk3.parse import read_partly

_LONGEST_CODE = 40


def is_response(envelope: Envelope) -> bool:
    """Say whether a message is an answer: such a one is never judged as a report nor answered."""
    return envelope.is_response


def read_response(body: bytes) -> ReceivedResponse:
    """Return what can be found in a response; what cannot is None. Never raises.

    ``request_id`` is lower case and bare. ``diagnostics`` are another system's words: not for the log.
    """
    envelope = read_partly(body)
    if envelope is None:
        return ReceivedResponse(None, None, None, None, None, None)
    issue = _issue(envelope)
    return ReceivedResponse(
        message_id=envelope.message_id,
        request_id=_request_id(envelope.header),
        sender_reference=_sender_reference(envelope),
        code=None if issue is None else _code(issue),
        diagnostics=None if issue is None else issue.text("diagnostics") or issue.text("details", "text"),
        sender_ods_code=_sender_ods_code(envelope),
    )


def _request_id(header: Element | None) -> str | None:
    identifier = header.text("response", "identifier") if header is not None else None
    if identifier is None or identifier.strip() == systems.UNREADABLE:
        return None
    return identifier.strip().lower().removeprefix("urn:uuid:")


def _sender_reference(envelope: Envelope) -> str | None:
    reference = envelope.sender_reference
    return None if reference is None or reference.strip().casefold() == systems.NONE.casefold() else reference.strip()


def _sender_ods_code(envelope: Envelope) -> str | None:
    organizations = envelope.message.of_type("Organization")
    only = organizations[0] if len(organizations) == 1 else None
    return envelope.sender_ods_code or ods_code(only)


def _issue(envelope: Envelope) -> Element | None:
    """Return the issue that decides: of several the first with a negative code, else the first with a code."""
    outcome = envelope.message.follow(envelope.header, "response", "details", "OperationOutcome")
    outcomes = [outcome] if outcome is not None else envelope.message.of_type("OperationOutcome")
    issues = [issue for each in outcomes for issue in each.all("issue")]
    coded = [issue for issue in issues if _code(issue) is not None]
    negative = (issue for issue in coded if codes.find(_code(issue)).positive is False)
    return next(negative, None) or next(iter(coded or issues), None)


def _code(issue: Element) -> str | None:
    """Return the ITK3 response code of an issue, else its first code of any system."""
    codings = issue.all("details", "coding")
    own = [coding for coding in codings if coding.text("system") == systems.RESPONSE_CODES]
    found = next((coding.text("code") for coding in (*own, *codings) if coding.text("code")), None)
    return None if found is None else found.strip()[:_LONGEST_CODE]
