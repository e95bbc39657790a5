"""For each row of the table, ways to break a good message so that this row, and no earlier one, fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.shared.itk3.examples import PDF, PNG, Draft

Spoil = Callable[[Draft], None]

_HEADER = "/f:Bundle/f:entry/f:resource/f:MessageHeader"
_PAYLOAD = "/f:Bundle/f:entry/f:resource/f:Bundle"
_TASK = f"{_PAYLOAD}/f:entry/f:resource/f:Task"
_PATIENT = f"{_PAYLOAD}/f:entry/f:resource/f:Patient"
_PRACTITIONER = f"{_PAYLOAD}/f:entry/f:resource/f:Practitioner"
_PRACTICES = f"{_PAYLOAD}/f:entry/f:resource/f:Organization"
_REPORT = f"{_PAYLOAD}/f:entry[2]/f:resource/f:DocumentReference"
_ATTACHMENT = f"{_PAYLOAD}/f:entry[3]/f:resource/f:DocumentReference"
_UNKNOWN = "urn:uuid:00000000-0000-4000-8000-000000000000"


def _key(url: str, child: str = "") -> str:
    return f"{_HEADER}/f:extension/f:extension[@url='{url}']{child}"


def remove(xpath: str) -> Spoil:
    return lambda draft: draft.remove(xpath)


def change(xpath: str, value: str) -> Spoil:
    return lambda draft: draft.set(xpath, value)


def repeat(xpath: str) -> Spoil:
    return lambda draft: draft.repeat(xpath)


def add(xpath: str, xml: str) -> Spoil:
    return lambda draft: draft.add(xpath, xml)


def data(place: int, content: bytes) -> Spoil:
    return lambda draft: draft.set_data(place, content)


def both(*spoils: Spoil) -> Spoil:
    def spoil(draft: Draft) -> None:
        for each in spoils:
            each(draft)

    return spoil


def _header_second(draft: Draft) -> None:
    draft.root.append(draft.find("/f:Bundle/f:entry[1]")[0])


def _rename_root(draft: Draft) -> None:
    draft.root.tag = "{http://hl7.org/fhir}Parameters"


def _two_tasks(draft: Draft) -> None:
    draft.repeat(f"{_PAYLOAD}/f:entry[1]")
    draft.remove(f"{_PAYLOAD}/f:entry[2]/f:fullUrl")


def _second_patient(draft: Draft) -> None:
    draft.repeat(f"{_PAYLOAD}/f:entry[f:resource/f:Patient]")
    second = f"({_PAYLOAD}/f:entry[f:resource/f:Patient])[2]"
    draft.set(f"{second}/f:fullUrl", _UNKNOWN)
    draft.set(f"{second}/f:resource/f:Patient/f:id", _UNKNOWN[9:])


HEADER: list[tuple[str, str, Spoil]] = [
    ("bundle", "20006", _rename_root),
    ("bundle-type", "20006", change("/f:Bundle/f:type", "collection")),
    ("bundle-identifier", "20006", remove("/f:Bundle/f:identifier")),
    ("bundle-identifier", "20006", change("/f:Bundle/f:identifier/f:value", " ")),
    ("header-first", "20006", _header_second),
    ("header-first", "20006", remove("/f:Bundle/f:entry[1]")),
    ("header-first", "20006", remove("/f:Bundle/f:entry")),
    ("one-header", "20006", both(repeat("/f:Bundle/f:entry[1]"), remove("/f:Bundle/f:entry[2]/f:fullUrl"))),
    ("full-urls", "20006", repeat("/f:Bundle/f:entry[2]")),
    ("entries", "20006", remove("/f:Bundle/f:entry[2]/f:resource")),
    ("entries", "20006", add("/f:Bundle/f:entry[2]/f:resource", '<Basic ><id value="x"/></Basic>')),
    ("message-id", "20006", remove(f"{_HEADER}/f:id")),
    ("message-id", "20006", change(f"{_HEADER}/f:id", "urn:uuid:x")),
    ("message-id", "20006", repeat(f"{_HEADER}/f:id")),
    ("sender", "20006", remove(f"{_HEADER}/f:sender")),
    ("sender", "20006", change(f"{_HEADER}/f:sender/f:reference", _UNKNOWN)),
    ("sender", "20006", remove("/f:Bundle/f:entry[2]/f:resource/f:Organization/f:identifier")),
    ("source", "20006", remove(f"{_HEADER}/f:source")),
    ("source", "20006", change(f"{_HEADER}/f:source/f:endpoint", " ")),
    ("focus", "20006", remove(f"{_HEADER}/f:focus")),
    ("timestamp-format", "20006", change(f"{_HEADER}/f:timestamp", "2026-11-20T21:25:00")),
    ("timestamp-format", "20006", change(f"{_HEADER}/f:timestamp", "2026-13-20T21:25:00Z")),
    ("header-prohibited", "20006", add(_HEADER, '<author ><reference value="x"/></author>')),
    ("bundle-prohibited", "20006", add("/f:Bundle", '<total value="3"/>')),
    ("header-fhir", "20006", add("/f:Bundle", '<colour value="blue"/>')),
    ("header-fhir", "20006", repeat(f"{_HEADER}/f:event")),
    ("header-fhir", "20006", add("/f:Bundle/f:entry[2]/f:resource/f:Organization", '<active value="maybe"/>')),
    ("handling-extension", "10001", remove(f"{_HEADER}/f:extension")),
    ("handling-extension", "10001", repeat(f"{_HEADER}/f:extension")),
    *(
        (f"key-{url}", "10008", spoil(_key(url)))
        for url in ("InfAckRequested", "BusAckRequested", "RecipientType")
        for spoil in (remove, repeat)
    ),
    *(
        (f"key-{url}", "10008", spoil(_key(url)))
        for url in ("MessageDefinition", "SenderReference", "LocalExtension")
        for spoil in (remove, repeat)
    ),
    ("timestamp", "10008", remove(f"{_HEADER}/f:timestamp")),
    ("event", "10008", remove(f"{_HEADER}/f:event")),
    ("inf-ack-requested", "10002", change(_key("InfAckRequested", "/f:valueBoolean"), "false")),
    ("inf-ack-requested", "10002", remove(_key("InfAckRequested", "/f:valueBoolean"))),
    ("bus-ack-requested", "10003", change(_key("BusAckRequested", "/f:valueBoolean"), "false")),
    ("bus-ack-requested", "10003", change(_key("BusAckRequested", "/f:valueBoolean"), "yes")),
    ("recipient-type", "10010", change(_key("RecipientType", "/f:valueCoding/f:code"), "FI")),
    ("recipient-type", "10010", remove(_key("RecipientType", "/f:valueCoding"))),
    ("message-definition", "10004", change(_key("MessageDefinition", "//f:reference"), "https://example.org/x-1")),
    ("message-definition", "10004", remove(_key("MessageDefinition", "/f:valueReference"))),
    (
        *("message-definition-version", "10005"),
        change(
            _key("MessageDefinition", "//f:reference"),
            "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-2",
        ),
    ),
    ("sender-reference", "10007", change(_key("SenderReference", "/f:valueString"), "None")),
    ("sender-reference", "10007", change(_key("SenderReference", "/f:valueString"), "x" * 256)),
    ("sender-reference", "10007", remove(_key("SenderReference", "/f:valueString"))),
    ("local-extension", "10008", change(_key("LocalExtension", "/f:valueString"), "None")),
    ("report-event", "10008", change(f"{_HEADER}/f:event/f:code", "ITK006D")),
    ("report-event", "10008", change(f"{_HEADER}/f:event/f:system", "https://example.org/events")),
    ("no-receiver", "10008", add(_HEADER, '<receiver ><reference value="x"/></receiver>')),
    ("no-receiver", "10008", add(_HEADER, '<destination ><endpoint value="x"/></destination>')),
    ("source-is-sender", "10008", change(f"{_HEADER}/f:source/f:endpoint", "X26OTHER")),
]

PAYLOAD: list[tuple[str, str, Spoil]] = [
    ("payload-bundle", "20009", change(f"{_HEADER}/f:focus/f:reference", _UNKNOWN)),
    ("payload-identifier", "20009", remove(f"{_PAYLOAD}/f:identifier")),
    ("payload-entries", "20009", add(_PAYLOAD, '<entry ><fullUrl value="urn:uuid:x"/></entry>')),
    ("payload-entries", "20009", remove(f"{_PAYLOAD}/f:entry")),
    ("payload-prohibited", "20009", add(_PAYLOAD, '<link ><url value="https://example.org"/></link>')),
    ("payload-full-urls", "20009", repeat(f"{_PAYLOAD}/f:entry[f:resource/f:Practitioner]")),
    ("payload-task", "20009", remove(f"{_PAYLOAD}/f:entry[1]")),
    ("payload-task", "20009", _two_tasks),
    ("payload-fhir", "20009", repeat(f"{_PATIENT}/f:birthDate")),
    ("payload-fhir", "20009", repeat(f"{_PATIENT}/f:identifier/f:value")),
    ("task-for", "20009", repeat(f"{_TASK}/f:for")),
    ("document-attachment", "20009", repeat(f"{_REPORT}/f:content/f:attachment/f:data")),
    ("payload-fhir", "20009", add(_TASK, '<colour value="blue"/>')),
    ("payload-fhir", "20009", add(f"{_PATIENT}/f:name", '<Family value="Smith"/>')),
    ("payload-fhir", "20009", add(_PAYLOAD, "<entry ><resource><Potato/></resource></entry>")),
    ("payload-fhir", "20009", remove(f"{_TASK}/f:intent")),
    ("payload-fhir", "20009", add(_PATIENT, '<active value="maybe"/>')),
    ("one-patient", "20009", _second_patient),
    ("one-patient", "20009", remove(f"{_PAYLOAD}/f:entry[f:resource/f:Patient]")),
    ("task-for", "20009", remove(f"{_TASK}/f:for")),
    ("task-for", "20009", change(f"{_TASK}/f:for/f:reference", _UNKNOWN)),
    ("task-agent", "20009", remove(f"{_TASK}/f:requester/f:agent")),
    ("task-on-behalf-of", "20009", remove(f"{_TASK}/f:requester/f:onBehalfOf")),
    ("task-owner", "20009", remove(f"{_TASK}/f:owner")),
    ("task-description", "20009", remove(f"{_TASK}/f:description")),
    ("task-authored-on", "20009", remove(f"{_TASK}/f:authoredOn")),
    ("task-authored-on", "20009", change(f"{_TASK}/f:authoredOn", "2026-11-20")),
    ("nhs-number", "20009", remove(f"{_PATIENT}/f:identifier")),
    ("nhs-number", "20009", change(f"{_PATIENT}/f:identifier/f:value", "9690937279")),
    ("nhs-number", "20009", repeat(f"{_PATIENT}/f:identifier")),
    ("nhs-number-status", "20009", remove(f"{_PATIENT}/f:identifier/f:extension")),
    ("patient-name", "20009", remove(f"{_PATIENT}/f:name")),
    ("patient-name", "20009", repeat(f"{_PATIENT}/f:name")),
    ("patient-name", "20009", change(f"{_PATIENT}/f:name/f:use", "usual")),
    ("patient-name", "20009", remove(f"{_PATIENT}/f:name/f:family")),
    ("birth-date", "20009", remove(f"{_PATIENT}/f:birthDate")),
    ("birth-date", "20009", change(f"{_PATIENT}/f:birthDate", "1957-01")),
    ("birth-date", "20009", change(f"{_PATIENT}/f:birthDate", "1957-02-30")),
    ("gender", "20009", change(f"{_PATIENT}/f:gender", "M")),
    ("practitioner-id", "20009", remove(f"{_PRACTITIONER}/f:identifier")),
    ("practitioner-name", "20009", remove(f"{_PRACTITIONER}/f:name/f:use")),
    ("organization-code", "20009", remove(f"({_PRACTICES})[1]/f:identifier")),
    ("organization-code", "20009", remove(f"({_PRACTICES})[2]/f:identifier")),
    ("organization-name", "20009", remove(f"({_PRACTICES})[2]/f:name")),
    ("organization-telephone", "20009", change(f"({_PRACTICES})[1]/f:telecom/f:system", "email")),
]

DOCUMENTS: list[tuple[str, str, Spoil]] = [
    ("task-input", "20009", remove(f"{_TASK}/f:input")),
    ("input-resolves", "20009", change(f"({_TASK}/f:input)[2]/f:valueReference/f:reference", _UNKNOWN)),
    ("input-resolves", "20009", remove(f"({_TASK}/f:input)[1]/f:valueReference")),
    ("documents-are-inputs", "20009", remove(f"({_TASK}/f:input)[2]")),
    ("documents-are-inputs", "20009", repeat(f"({_TASK}/f:input)[1]")),
    ("document-type", "20009", remove(f"{_REPORT}/f:type/f:coding/f:display")),
    ("document-people", "20009", remove(f"{_ATTACHMENT}/f:author")),
    ("document-people", "20009", repeat(f"{_REPORT}/f:author")),
    ("document-people", "20009", remove(f"{_REPORT}/f:subject")),
    ("document-created", "20009", remove(f"{_ATTACHMENT}/f:created")),
    ("document-indexed", "20009", change(f"{_ATTACHMENT}/f:indexed", "2026-11-20")),
    ("document-description", "20009", remove(f"{_ATTACHMENT}/f:description")),
    ("document-attachment", "20009", remove(f"{_ATTACHMENT}/f:content")),
    ("document-attachment", "20009", repeat(f"{_ATTACHMENT}/f:content")),
    ("document-attachment", "20009", remove(f"{_ATTACHMENT}//f:contentType")),
    ("document-inside", "20009", add(f"{_ATTACHMENT}//f:attachment", '<url value="https://example.org/x"/>')),
    ("document-data", "20009", change(f"{_REPORT}//f:data", "JVBERi0")),
    ("document-data", "20009", change(f"{_REPORT}//f:data", "%%%%")),
    ("document-data", "20009", change(f"{_REPORT}//f:data", "")),
    ("attachment-type", "20004", change(f"{_ATTACHMENT}//f:contentType", "application/x-msdownload")),
    ("attachment-bytes", "20005", data(1, PDF)),
    ("attachment-bytes", "20005", data(0, PNG)),
    ("attachment-bytes", "20005", data(1, b"\x7fELF\x02")),
    ("report-bytes", "20009", data(0, b"not a PDF")),
    ("report-present", "10008", change(f"{_REPORT}/f:description", "Letter")),
    (
        *("report-is-pdf", "10008"),
        both(change(f"{_REPORT}//f:contentType", "image/png"), data(0, PNG)),
    ),
    ("report-input-type", "10008", change(f"({_TASK}/f:input)[1]/f:type/f:text", "Letter")),
    ("document-status", "10008", change(f"{_ATTACHMENT}/f:status", "entered-in-error")),
    ("document-subject", "10008", change(f"{_ATTACHMENT}/f:subject/f:reference", _UNKNOWN)),
    ("document-author", "10008", change(f"{_ATTACHMENT}/f:author/f:reference", _UNKNOWN)),
    ("report-type", "10008", change(f"{_REPORT}/f:type/f:coding/f:code", "1")),
]

BUSINESS: list[tuple[str, str, Spoil]] = [
    ("task-intent", "10008", change(f"{_TASK}/f:intent", "order")),
    ("task-status", "10008", change(f"{_TASK}/f:status", "draft")),
    ("task-priority", "10008", change(f"{_TASK}/f:priority", "urgent")),
    ("task-priority", "10008", remove(f"{_TASK}/f:priority")),
    ("description-format", "10008", change(f"{_TASK}/f:description", "Something else")),
    ("owner", "20010", change(f"({_PRACTICES})[2]/f:identifier/f:value", "Z99999")),
]

ALL: list[tuple[str, str, Spoil]] = [*HEADER, *PAYLOAD, *DOCUMENTS, *BUSINESS]

# rows that no change of a message's elements can break
BODIES: list[tuple[str, str, bytes]] = [
    ("not-empty", "10009", b""),
    ("not-empty", "10009", b" \n"),
    ("readable", "10009", b"hello"),
    ("readable", "10009", b"<Bundle"),
]
CONTEXTS: list[tuple[str, str, dict[str, Any]]] = [
    ("new-message", "20007", {"message_processed": True}),
    ("new-document", "20008", {"payload_processed": True}),
]
