"""Builds ITK3 messages: plain values in, XML bytes out.

The dictionaries are first checked against the STU3 types, then written by our own writer.
"""

from __future__ import annotations

from typing import Any

from fhir.resources.STU3.bundle import Bundle
from pydantic import ValidationError

from shared.itk3 import codes, resources, systems
from shared.itk3.fhir_xml import Resource, write
from shared.itk3.identity import derive
from shared.itk3.model import ReportIds, ReportMessage, ResponseMessage
from shared.itk3.payload import Payload
from shared.itk3.payloads import TASK_PAYLOAD
from shared.itk3.resources import bundle, header_organization, instant, reference
from shared.itk3.primitives import is_fhir_id


def report_ids(message: ReportMessage) -> ReportIds:
    """Return the ids that ``build_report`` gives the message's outer parts."""
    return ReportIds(
        bundle=derive(message.report_id, "message-bundle"),
        bundle_identifier=derive(message.report_id, "message-bundle-identifier"),
        message_header=derive(message.report_id, "message-header"),
        payload=derive(message.report_id, "payload-bundle"),
        payload_identifier=derive(message.report_id, "payload-bundle-identifier"),
    )


def build_report(message: ReportMessage, payload: Payload = TASK_PAYLOAD) -> bytes:
    """Return the report message as UTF-8 XML; the same value gives the same bytes (decision 21).

    Raises ValueError, which quotes nothing, when the value cannot make a valid message.
    """
    _refuse_unsendable(message)
    ids = report_ids(message)
    sender = header_organization(derive(message.report_id, "header-organization"), message.sender.ods_code)
    content = bundle(
        ids.payload, ids.payload_identifier, payload.profile, payload.bundle_type, payload.build(message)
    )
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
    return _message(ids.bundle, ids.bundle_identifier, [header, sender, content])


def build_response(message: ResponseMessage) -> bytes:
    """Return an infrastructure or business response as UTF-8 XML (GPCM-SD-050 to 055, 074).

    A request's message id or sender reference that a response cannot carry is replaced by ITK3's word for
    it. Raises ValueError for a code that may not be sent.
    """
    code = codes.find(message.code)
    if not code.published:
        raise ValueError("is not a response code that may be sent")
    sender = header_organization(derive(message.response_id, "header-organization"), message.responder_ods_code)
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


def _refuse_unsendable(message: ReportMessage) -> None:
    report = message.documents[0] if message.documents else None
    # GPCM-SD-024
    if report is None or report.content_type != "application/pdf" or not report.data.startswith(b"%PDF-"):
        raise ValueError("the first document of a report must be a PDF")
    # decision 17
    if message.confidential and len(message.documents) > 1:
        raise ValueError("a confidential report has no attachments")
    if not all(document.data for document in message.documents):
        raise ValueError("a document is empty")
    if not 0 < len(message.consultation_id) <= 255:
        raise ValueError("consultation_id must have 1 to 255 characters")


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


def _message(bundle_id: str, identifier: str, entries: list[Resource]) -> bytes:
    message = bundle(bundle_id, identifier, systems.MESSAGE_BUNDLE, "message", entries)
    try:
        Bundle.model_validate(_without_documents(message))
    except ValidationError as error:
        places = {".".join(str(part) for part in fault["loc"]) for fault in error.errors(include_input=False)}
        raise ValueError(f"is not valid FHIR at {', '.join(sorted(places))}") from None
    return write(message)


def _without_documents(value: Any) -> Any:
    """Return a copy with a short stand-in for each document: to check megabytes of base64 costs time only."""
    if isinstance(value, dict):
        return {key: _without_documents(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_documents(item) for item in value]
    return "JVBERi0=" if isinstance(value, bytes) else value
