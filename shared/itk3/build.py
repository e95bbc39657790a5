"""Builds ITK3 messages: plain values in, XML bytes out.

A report's bytes are held against the receiver's own table of rules before anyone gets them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from shared.itk3 import codes, resources, stu3, systems
from shared.itk3.fhir_xml import Resource, write
from shared.itk3.identity import derive, payload_identifier
from shared.itk3.model import ReportIds, ReportMessage, ResponseMessage
from shared.itk3.parse import read
from shared.itk3.payload import Payload
from shared.itk3.payloads import TASK_PAYLOAD
from shared.itk3.primitives import is_fhir_id
from shared.itk3.resources import bundle, header_organization, instant, reference
from shared.itk3.rule import Context
from shared.itk3.rules import judge

_ANY_ID: Final = "00000000-0000-4000-8000-000000000000"
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


def report_ids(message: ReportMessage) -> ReportIds:
    """Return the ids that ``build_report`` gives the message's outer parts."""
    return ReportIds(
        bundle=derive(message.report_id, "message-bundle"),
        bundle_identifier=derive(message.report_id, "message-bundle-identifier"),
        message_header=derive(message.report_id, "message-header"),
        payload=derive(message.report_id, "payload-bundle"),
        payload_identifier=payload_identifier(message.report_id),
    )


def build_report(message: ReportMessage, payload: Payload = TASK_PAYLOAD) -> bytes:
    """Return the report message as UTF-8 XML; the same value gives the same bytes (decision 21).

    Raises ValueError, which names elements and rules and quotes no value, when the receiver's table would
    refuse the message or XML cannot carry one of its texts.
    """
    # decision 17
    if message.confidential and len(message.documents) != 1:
        raise ValueError("a confidential report has no attachments")
    ids = report_ids(message)
    sender = header_organization(derive(message.report_id, "header-organization"), message.sender.ods_code)
    written = message.generated_at if payload.bundle_type == "document" else None
    entries = payload.build(message)
    content = bundle(ids.payload, ids.payload_identifier, payload.profile, payload.bundle_type, entries, written)
    header = resources.resource(
        "MessageHeader",
        ids.message_header,
        systems.MESSAGE_HEADER,
        extension=[_handling(True, payload.message_definition, message.consultation_id, payload.local_extension)],
        event=_event(systems.REPORT_EVENT, "ITK GP Connect Send Document"),
        sender=reference(sender["id"]),
        timestamp=instant(message.generated_at),
        source={"endpoint": message.sender_mailbox},
        focus=[reference(content["id"])],
    )
    body = write(_message(ids.bundle, ids.bundle_identifier, [header, sender, content]))
    _refuse_unsendable(body, message)
    return body


def build_response(message: ResponseMessage) -> bytes:
    """Return an infrastructure or business response as UTF-8 XML (GPCM-SD-050 to 055, 074).

    A request's message id or sender reference that a response cannot carry is replaced by ITK3's word for
    it. Raises ValueError for a code that may not be sent.
    """
    code = codes.find(message.code)
    if not code.published:
        raise ValueError("is not a response code that may be sent")
    _require_frame(_frame_of(message))
    _require_values(message)
    return write(_response(message))


def _response(message: ResponseMessage) -> Resource:
    sender = header_organization(derive(message.response_id, "header-organization"), message.responder_ods_code)
    code = codes.find(message.code)
    outcome = _outcome(message, code)
    answered = message.request_message_id
    header = resources.resource(
        "MessageHeader",
        message.response_id,
        systems.MESSAGE_HEADER,
        extension=[_handling(False, systems.RESPONSE_DEFINITION, _echo(message.sender_reference), systems.NONE)],
        event=_event(systems.RESPONSE_EVENT, "ITK Response"),
        sender=reference(sender["id"]),
        timestamp=instant(message.generated_at),
        source={"endpoint": message.responder_mailbox},
        response={
            "identifier": answered if answered and is_fhir_id(answered) else systems.UNREADABLE,
            "code": code.response_code,
            "details": reference(outcome["id"]),
        },
    )
    outer = derive(message.response_id, "message-bundle")
    return _message(outer, derive(message.response_id, "message-bundle-identifier"), [header, sender, outcome])


def _frame_of(message: ResponseMessage) -> ResponseMessage:
    """Return a response of the same frame: with others in place of the values that differ from message to message."""
    return replace(
        message,
        response_id=_ANY_ID,
        request_message_id=None,
        sender_reference=None,
        diagnostics=message.diagnostics and systems.NONE,
        generated_at=_ANY_TIME,
    )


@lru_cache(maxsize=64)
def _require_frame(frame: ResponseMessage) -> None:
    """Raise ValueError for a frame that is not of FHIR's types; a receiver has a few dozen, each looked at once."""
    faults = stu3.check(_response(frame))
    if faults:
        raise ValueError(f"is not valid FHIR at {', '.join(faults)}")


def _require_values(message: ResponseMessage) -> None:
    """Raise ValueError for one of the values that are not in the frame; every other is made by ourselves."""
    if not is_fhir_id(message.response_id):
        raise ValueError("is not valid FHIR at Bundle.entry.resource.id")
    for text in filter(None, (_echo(message.sender_reference), message.diagnostics)):
        if not stu3.is_string(text):
            raise ValueError("is not valid FHIR: the sender's reference or the diagnostics are no string")


def _refuse_unsendable(body: bytes, message: ReportMessage) -> None:
    """Hold our own bytes against the receiver's table: a report that would be refused must not be sent."""
    reading = read(body, max_bytes=len(body))
    verdict = judge(reading, Context(message.recipient.ods_code, message.sender_mailbox))
    if not verdict.accepted:
        raise ValueError("; ".join(failure.diagnostics for failure in verdict.failures))


def _handling(acknowledge: bool, definition: str, sender_reference: str, local_extension: str) -> Resource:
    """Return the six keys of the message handling extension (GPCM-SD-039 to 044, 050 to 052)."""
    recipient_type = {"system": systems.RECIPIENT_TYPE, "code": "FA", "display": "For Action"}
    return {
        "url": systems.MESSAGE_HANDLING,
        "extension": [
            {"url": "BusAckRequested", "valueBoolean": acknowledge},
            {"url": "InfAckRequested", "valueBoolean": acknowledge},
            {"url": "RecipientType", "valueCoding": recipient_type},
            {"url": "MessageDefinition", "valueReference": {"reference": definition}},
            {"url": "SenderReference", "valueString": sender_reference},
            {"url": "LocalExtension", "valueString": local_extension},
        ],
    }


def _event(code: str, display: str) -> Resource:
    return {"system": systems.MESSAGE_EVENT, "code": code, "display": display}


def _echo(sender_reference: str | None) -> str:
    """Return the request's reference as it came, or ``None`` in ITK3's sense when it cannot be given back."""
    if sender_reference is None or not sender_reference.strip() or len(sender_reference) > 255:
        return systems.NONE
    return sender_reference


def _outcome(message: ResponseMessage, code: codes.ResponseCode) -> Resource:
    coding = {"system": systems.RESPONSE_CODES, "code": code.code, "display": code.display}
    issue = resources.present(
        severity=code.severity,
        code=message.issue_type or code.issue_type,
        details={"coding": [coding]},
        diagnostics=message.diagnostics,
    )
    outcome_id = derive(message.response_id, "operation-outcome")
    return resources.resource("OperationOutcome", outcome_id, systems.RESPONSE_OUTCOME, issue=[issue])


def _message(bundle_id: str, identifier: str, entries: list[Resource]) -> Resource:
    return bundle(bundle_id, identifier, systems.MESSAGE_BUNDLE, "message", entries)
