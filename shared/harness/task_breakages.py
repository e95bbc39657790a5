"""For each row of the table about the Task payload, ways to break a good message so that this row alone decides."""

from __future__ import annotations

from typing import Final

from shared.harness.breakages import PAYLOAD, PDF, PNG, UNKNOWN, Breakage, add, both, change, data, remove, repeat
from shared.harness.draft import Draft

_TASK: Final = f"{PAYLOAD}/f:entry/f:resource/f:Task"
_PATIENT: Final = f"{PAYLOAD}/f:entry/f:resource/f:Patient"
_PRACTITIONER: Final = f"{PAYLOAD}/f:entry/f:resource/f:Practitioner"
_PRACTICES: Final = f"{PAYLOAD}/f:entry/f:resource/f:Organization"
_REPORT: Final = f"{PAYLOAD}/f:entry[2]/f:resource/f:DocumentReference"
_ATTACHMENT: Final = f"{PAYLOAD}/f:entry[3]/f:resource/f:DocumentReference"


def _two_tasks(draft: Draft) -> None:
    draft.repeat(f"{PAYLOAD}/f:entry[1]")
    draft.remove(f"{PAYLOAD}/f:entry[2]/f:fullUrl")


def _second_patient(draft: Draft) -> None:
    draft.repeat(f"{PAYLOAD}/f:entry[f:resource/f:Patient]")
    second = f"({PAYLOAD}/f:entry[f:resource/f:Patient])[2]"
    draft.set(f"{second}/f:fullUrl", UNKNOWN)
    draft.set(f"{second}/f:resource/f:Patient/f:id", UNKNOWN[9:])


_STRUCTURE: Final[tuple[Breakage, ...]] = (
    ("payload-task", "20009", remove(f"{PAYLOAD}/f:entry[1]")),
    ("payload-task", "20009", _two_tasks),
    ("payload-fhir", "20009", repeat(f"{_PATIENT}/f:birthDate")),
    ("payload-fhir", "20009", repeat(f"{_PATIENT}/f:identifier/f:value")),
    ("task-for", "20009", repeat(f"{_TASK}/f:for")),
    ("document-attachment", "20009", repeat(f"{_REPORT}/f:content/f:attachment/f:data")),
    ("payload-fhir", "20009", add(_TASK, '<colour value="blue"/>')),
    ("payload-fhir", "20009", add(f"{_PATIENT}/f:name", '<Family value="Smith"/>')),
    ("payload-fhir", "20009", add(PAYLOAD, "<entry ><resource><Potato/></resource></entry>")),
    ("payload-fhir", "20009", remove(f"{_TASK}/f:intent")),
    ("payload-fhir", "20009", add(_PATIENT, '<active value="maybe"/>')),
    ("one-patient", "20009", _second_patient),
    ("one-patient", "20009", remove(f"{PAYLOAD}/f:entry[f:resource/f:Patient]")),
    ("task-for", "20009", remove(f"{_TASK}/f:for")),
    ("task-for", "20009", change(f"{_TASK}/f:for/f:reference", UNKNOWN)),
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
)

_DOCUMENTS: Final[tuple[Breakage, ...]] = (
    ("task-input", "20009", remove(f"{_TASK}/f:input")),
    ("input-resolves", "20009", change(f"({_TASK}/f:input)[2]/f:valueReference/f:reference", UNKNOWN)),
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
    ("document-subject", "10008", change(f"{_ATTACHMENT}/f:subject/f:reference", UNKNOWN)),
    ("document-author", "10008", change(f"{_ATTACHMENT}/f:author/f:reference", UNKNOWN)),
    ("report-type", "10008", change(f"{_REPORT}/f:type/f:coding/f:code", "1")),
)

_BUSINESS: Final[tuple[Breakage, ...]] = (
    ("task-intent", "10008", change(f"{_TASK}/f:intent", "order")),
    ("task-status", "10008", change(f"{_TASK}/f:status", "draft")),
    ("task-priority", "10008", change(f"{_TASK}/f:priority", "urgent")),
    ("task-priority", "10008", remove(f"{_TASK}/f:priority")),
    ("description-format", "10008", change(f"{_TASK}/f:description", "Something else")),
    ("owner", "20010", change(f"({_PRACTICES})[2]/f:identifier/f:value", "Z99999")),
)

TASK: Final = (*_STRUCTURE, *_DOCUMENTS, *_BUSINESS)
"""Of a report whose second document is a PNG."""
