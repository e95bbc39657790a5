"""The rows of the table for the envelope: can it be read, and does the header say what it must.

They stand in the order of the receiver's validation: 1 readable, 2 bundle and header, 3 duplicate,
4 handling extension, 5 its keys, 6 their values, 7 event and addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.itk3 import handling_rules, stu3, systems
from shared.itk3.element import Element
from shared.itk3.envelope import Envelope
from shared.itk3.primitives import is_fhir_id, read_instant
from shared.itk3.rule import (
    BUNDLE_PROHIBITED,
    MOST_FAULTS,
    Case,
    Predicate,
    Rule,
    envelope_rule,
    has_any,
    header_rule,
    payload_rule,
)

# ITK-MessageHeader-2 allows none of these
_PROHIBITED: Final = ("enterer", "author", "responsible", "reason")


def _whole(check: Callable[[Envelope], bool]) -> Predicate:
    """Return a predicate on a message that is a Bundle at all."""
    return envelope_rule(lambda envelope: envelope.root.name != "Bundle" or check(envelope))


def _fault(case: Case) -> str:
    return str(case.reading.fault)


def _header_comes_first(envelope: Envelope) -> bool:
    entries = envelope.message.entries
    return bool(entries and entries[0].resource is not None and entries[0].resource.name == "MessageHeader")


def _one_header(envelope: Envelope) -> bool:
    return not _header_comes_first(envelope) or len(envelope.message.of_type("MessageHeader")) == 1


def _sender_is_known(envelope: Envelope) -> bool:
    return envelope.header is None or bool(envelope.sender_ods_code)


def _has_one_endpoint(header: Element) -> bool:
    endpoint = header.one("source", "endpoint")
    return endpoint is not None and bool((endpoint.value or "").strip())


def _endpoint_is_the_sender(case: Case) -> bool:
    endpoint = case.envelope and case.envelope.header and case.envelope.header.text("source", "endpoint")
    mailbox = case.context.sender_mailbox
    return not endpoint or not mailbox or endpoint.strip().upper() == mailbox.strip().upper()


def _is_report_event(header: Element) -> bool:
    event = header.first("event")
    found = event and (event.text("system"), event.text("code"))
    return event is None or found == (systems.MESSAGE_EVENT, systems.REPORT_EVENT)


def _header_faults(envelope: Envelope) -> list[str]:
    """Return where bundle, header and sender are not of FHIR's types; the handling keys have rows of their own."""
    header = envelope.header
    found = [*stu3.faults(envelope.root, "entry")]
    if header is not None:
        absent = {f"MessageHeader.{name}" for name in ("event", "timestamp") if header.first(name) is None}
        found += [fault for fault in stu3.faults(header, "extension") if fault not in absent]
    return found + ([*stu3.faults(envelope.sender)] if envelope.sender is not None else [])


def _names_no_receiver(case: Case) -> bool:
    allowed = payload_rule(lambda payload, header: payload.names_receiver or not has_any(header, "receiver"))
    return allowed(case) and header_rule(lambda header: not has_any(header, "destination"))(case)


def _timestamp_is_an_instant(header: Element) -> bool:
    timestamp = header.text("timestamp")
    return timestamp is None or read_instant(timestamp) is not None


_READABLE: Final = (
    Rule(
        *("not-empty", "FHIR-V&V-01", "10009", "processing"),
        "The message body is empty",
        lambda case: not case.reading.empty,
    ),
    Rule(
        *("not-too-large", "ITK3 20015", "20015", "processing"),
        "The message is too large",
        lambda case: not case.reading.too_large,
        _fault,
    ),
    Rule(
        *("readable", "FHIR-V&V-01", "10009", "processing"),
        "The message cannot be read as FHIR XML or FHIR JSON",
        lambda case: case.envelope is not None or case.reading.too_large or case.reading.empty,
        _fault,
    ),
)

_STRUCTURE: Final = (
    Rule(
        *("bundle", "ITK-Message-Bundle-1", "20006", "structure"),
        "The root element must be a Bundle in the namespace http://hl7.org/fhir",
        envelope_rule(lambda envelope: envelope.root.name == "Bundle"),
    ),
    Rule(
        *("bundle-type", "ITK-Message-Bundle-1", "20006", "value"),
        "Bundle.type must be message",
        _whole(lambda envelope: envelope.message.kind == "message"),
    ),
    Rule(
        *("bundle-identifier", "ITK-Message-Bundle-1", "20006", "required"),
        "Bundle.identifier.value must be present once",
        _whole(lambda envelope: envelope.message.identifier is not None),
    ),
    Rule(
        *("header-first", "ITK-Message-Bundle-1", "20006", "structure"),
        "The first entry of the Bundle must be the MessageHeader",
        _whole(_header_comes_first),
    ),
    Rule(
        *("one-header", "ITK-Message-Bundle-1", "20006", "structure"),
        "The Bundle must have one MessageHeader only",
        _whole(_one_header),
    ),
    Rule(
        *("full-urls", "ITK-Message-Bundle-1", "20006", "structure"),
        "Each Bundle.entry.fullUrl must be there once",
        _whole(lambda envelope: envelope.message.full_urls_differ()),
    ),
    Rule(
        *("entries", "ITK-Message-Bundle-1", "20006", "required"),
        "Each Bundle.entry must have one resource",
        _whole(lambda envelope: len(envelope.message.resources) == len(envelope.message.entries)),
    ),
    Rule(
        *("message-id", "ITK-MessageHeader-2", "20006", "required"),
        "MessageHeader.id must be present and a FHIR id",
        header_rule(lambda header: header.one("id") is not None and is_fhir_id(header.text("id"))),
    ),
    Rule(
        *("sender", "GPCM-SD-045", "20006", "required"),
        "MessageHeader.sender must refer to an Organization of the message that has an ODS code",
        envelope_rule(_sender_is_known),
    ),
    Rule(
        *("source", "GPCM-SD-046", "20006", "required"),
        "MessageHeader.source.endpoint must hold the sender's MESH mailbox id",
        header_rule(_has_one_endpoint),
    ),
    Rule(
        *("focus", "GPCM-SD-001", "20006", "required"),
        "MessageHeader.focus must hold one reference",
        header_rule(lambda header: header.one("focus", "reference") is not None),
    ),
    Rule(
        *("timestamp-format", "GPCM-SD-048", "20006", "value"),
        "MessageHeader.timestamp must be an instant with a time zone",
        header_rule(_timestamp_is_an_instant),
    ),
    Rule(
        *("header-prohibited", "ITK-MessageHeader-2", "20006", "structure"),
        "MessageHeader must not have enterer, author, responsible or reason",
        header_rule(lambda header: not has_any(header, *_PROHIBITED)),
    ),
    Rule(
        *("bundle-prohibited", "ITK-Message-Bundle-1", "20006", "structure"),
        "The Bundle must not have total, link or signature",
        _whole(lambda envelope: not has_any(envelope.root, *BUNDLE_PROHIBITED)),
    ),
    Rule(
        *("header-fhir", "ITK-MessageHeader-2", "20006", "structure"),
        "The Bundle, its MessageHeader or the sender is not valid FHIR STU3",
        _whole(lambda envelope: not _header_faults(envelope)),
        lambda case: "; ".join(_header_faults(case.envelope)[:MOST_FAULTS]) if case.envelope else "",
    ),
    Rule(
        *("new-message", "FHIR-RR-05", "20007", "duplicate"),
        "A message with this MessageHeader.id was accepted before",
        lambda case: not case.context.message_processed,
    ),
)

_HEADER_PRESENCE: Final = (
    Rule(
        *("timestamp", "GPCM-SD-067", "10008", "processing"),
        "MessageHeader.timestamp must be present",
        header_rule(lambda header: header.text("timestamp") is not None),
    ),
    Rule(
        *("event", "GPCM-SD-067", "10008", "processing"),
        "MessageHeader.event must be present",
        header_rule(lambda header: header.first("event") is not None),
    ),
)

_ADDRESSES: Final = (
    Rule(
        *("report-event", "GPCM-SD-072", "10008", "processing"),
        "MessageHeader.event must be ITK007C of ITK-MessageEvent-2",
        header_rule(_is_report_event),
    ),
    Rule(
        *("no-receiver", "GPCM-SD-049", "10008", "processing"),
        "MessageHeader must not have destination, nor receiver beside a Task",
        _names_no_receiver,
    ),
    Rule(
        *("source-is-sender", "GPCM-SD-046", "10008", "processing"),
        "MessageHeader.source.endpoint must be the mailbox that the message came from",
        _endpoint_is_the_sender,
    ),
)


HEADER: Final = (
    *_READABLE,
    *_STRUCTURE,
    *handling_rules.PRESENCE,
    *_HEADER_PRESENCE,
    *handling_rules.VALUES,
    *_ADDRESSES,
)
"""The envelope's rows; some ask for what the kind of payload wants of the header."""
