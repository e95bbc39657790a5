"""Builds the Composition payload of GP Connect Send Document and the text that describes it.

Two editions are sent: 2.0, and 1.3, which practices still take with the older MESH workflow.
"""

from __future__ import annotations

from typing import Final

from shared.itk3 import resources, systems
from shared.itk3.fhir_xml import Resource, Xhtml
from shared.itk3.identity import derive, payload_identifier
from shared.itk3.model import Document, Organization, PersonName, ReportMessage
from shared.itk3.resources import instant, reference

NORMAL: Final = "N"
RESTRICTED: Final = "R"


def describe_document(message: ReportMessage) -> str:
    """Return the line for the worklist, which is the MESH Subject too (SCAL 2.0.x GPCM-SD-061, 064).

    The text is patient data.
    """
    return document_description(
        message.patient.name,
        message.patient.nhs_number,
        None if message.confidential else message.sender,
        message.version,
    )


def document_description(
    patient_name: PersonName, nhs_number: str, practice: Organization | None, version: int | None
) -> str:
    """Return the description of a document; without ``practice`` it does not say where the patient was seen."""
    place = f", seen at {practice.name}, {practice.ods_code}" if practice is not None else ""
    end = f", Version: {version}" if version is not None else ""
    return f"{systems.DOCUMENT_TITLE} for {patient_name}, NHS Number: {nhs_number}{place}{end}"


def describe_document_1_3(message: ReportMessage) -> str:
    """Return the line for the worklist in the words of 1.3 (its GPCM-SD-061, 064, 119). The text is patient data."""
    place = "" if message.confidential else f", seen at {message.sender.name}, ODS Code {message.sender.ods_code}"
    start = f"{systems.DOCUMENT_TITLE} for {message.patient.name}, NHS Number {message.patient.nhs_number}"
    return f"{start}{place}, Version {message.version}"


def build_document(message: ReportMessage) -> list[Resource]:
    """Return the resources of the document bundle as 2.0 describes it; the Composition comes first."""
    return _document(message, describe_document(message))


def build_document_1_3(message: ReportMessage) -> list[Resource]:
    """Return the resources of the document bundle as 1.3 describes it."""
    return _document(message, describe_document_1_3(message))


def _document(message: ReportMessage, description: str) -> list[Resource]:
    ids = _Ids(message)
    return [
        _composition(message, ids, description),
        resources.practitioner(ids.practitioner, message.practitioner),
        resources.organization(ids.sender, message.sender),
        resources.patient(ids.patient, message.patient),
        *map(_binary, ids.binaries, message.documents),
    ]


class _Ids:
    """The ids of the payload's resources, all derived from the report's (decision 21)."""

    def __init__(self, message: ReportMessage) -> None:
        self.composition = derive(message.report_id, "composition")
        # whichever of the two a receiver keeps, a replacement's relatesTo finds it
        self.identifier = payload_identifier(message.report_id)
        self.practitioner = derive(message.report_id, "practitioner")
        self.sender = derive(message.report_id, "sender")
        self.patient = derive(message.report_id, "patient")
        self.binaries = [derive(message.report_id, f"document-{n}") for n in range(len(message.documents))]


def _composition(message: ReportMessage, ids: _Ids, description: str) -> Resource:
    built = resources.resource(
        "Composition",
        ids.composition,
        systems.COMPOSITION,
        text={"status": "generated", "div": Xhtml(description)},
        identifier=_uuid(ids.identifier),
        status="final",
        type=_type(),
        subject=reference(ids.patient),
        date=instant(message.generated_at),
        author=[reference(ids.practitioner)],
        title=systems.DOCUMENT_TITLE,
        confidentiality=RESTRICTED if message.confidential else NORMAL,
        custodian=reference(ids.sender),
        relatesTo=[{"code": "replaces", "targetIdentifier": _uuid(message.replaces)}] if message.replaces else [],
        section=[
            {"title": document.description, "entry": [reference(binary)]}
            for document, binary in zip(message.documents, ids.binaries, strict=True)
        ],
    )
    built["meta"] = {"versionId": str(message.version), **built["meta"]}
    return built


def _uuid(value: str) -> Resource:
    return {"system": systems.UUID_SYSTEM, "value": value}


def _type() -> Resource:
    coding = {"system": systems.SNOMED_CT, "code": systems.REPORT_TYPE, "display": systems.REPORT_TYPE_DISPLAY}
    return {"coding": [coding]}


def _binary(binary_id: str, document: Document) -> Resource:
    content = {"contentType": document.content_type, "content": document.data}
    return resources.resource("Binary", binary_id, systems.ATTACHMENT_BINARY, **content)
