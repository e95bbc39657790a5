"""Builds the Task payload of GP Connect Messaging 1.2.0 and the text that describes it."""

from __future__ import annotations

from shared.itk3 import resources, systems
from shared.itk3.fhir_xml import Resource
from shared.itk3.identity import derive
from shared.itk3.model import Document, Organization, PersonName, ReportMessage
from shared.itk3.resources import instant, reference


def task_description(
    *, patient_name: PersonName, nhs_number: str, practice: Organization, version: int, confidential: bool
) -> str:
    """Return ``Task.description``, which is the MESH Subject too (GPCM-SD-018, decision 3).

    The space before the first comma is the specification's. A confidential consultation does not say where
    the patient was seen. The text is patient data.
    """
    start = f"Federated consultation report for {patient_name} , NHS Number {nhs_number}"
    place = "" if confidential else f", seen at {practice.name}, ODS Code {practice.ods_code}"
    return f"{start}{place}, Version {version}"


def describe_task(message: ReportMessage) -> str:
    """Return ``Task.description`` of a message."""
    return task_description(
        patient_name=message.patient.name,
        nhs_number=message.patient.nhs_number,
        practice=message.sender,
        version=message.version,
        confidential=message.confidential,
    )


def build_task_payload(message: ReportMessage) -> list[Resource]:
    """Return the resources of the payload bundle in the order of the published example."""
    ids = _Ids(message)
    return [
        _task(message, ids),
        *(_document_reference(message, ids, place) for place in range(len(message.documents))),
        resources.practitioner(ids.practitioner, message.practitioner),
        resources.organization(ids.sender, message.sender),
        resources.organization(ids.recipient, message.recipient),
        resources.patient(ids.patient, message.patient),
    ]


class _Ids:
    """The ids of the payload's resources, all derived from the report's (decision 21)."""

    def __init__(self, message: ReportMessage) -> None:
        self.task = derive(message.report_id, "task")
        self.practitioner = derive(message.report_id, "practitioner")
        self.sender = derive(message.report_id, "sender")
        self.recipient = derive(message.report_id, "recipient")
        self.patient = derive(message.report_id, "patient")
        self.documents = [derive(message.report_id, f"document-{n}") for n in range(len(message.documents))]


def _task(message: ReportMessage, ids: _Ids) -> Resource:
    return resources.resource(
        "Task",
        ids.task,
        systems.TASK,
        status="requested",
        intent="plan",
        priority="routine",
        description=describe_task(message),
        for_=reference(ids.patient),
        authoredOn=instant(message.generated_at),
        requester={"agent": reference(ids.practitioner), "onBehalfOf": reference(ids.sender)},
        owner=reference(ids.recipient),
        input=[
            {"type": {"text": systems.REPORT_INPUT_TYPE}, "valueReference": reference(document)}
            for document in ids.documents
        ],
    )


def _document_reference(message: ReportMessage, ids: _Ids, place: int) -> Resource:
    document = message.documents[place]
    return resources.resource(
        "DocumentReference",
        ids.documents[place],
        systems.DOCUMENT_REFERENCE,
        status="current",
        type=_document_type(),
        subject=reference(ids.patient),
        created=instant(document.created),
        indexed=instant(message.generated_at),
        author=[reference(ids.practitioner)],
        description=systems.REPORT_DESCRIPTION if place == 0 else _label(document),
        content=[{"attachment": {"contentType": document.content_type, "data": document.data}}],
    )


def _document_type() -> Resource:
    """Return the type with the coding that GPCM-SD-082 fixes, and then the one that SNOMED CT would expect."""
    return {
        "coding": [
            {"system": system, "code": systems.REPORT_TYPE, "display": systems.REPORT_TYPE_DISPLAY}
            for system in (systems.DOCUMENT_TYPES, systems.SNOMED_CT)
        ]
    }


def _label(document: Document) -> str:
    # a receiver finds the report by this description, so an attachment must not bear it
    if document.description.strip().casefold() == systems.REPORT_DESCRIPTION.casefold():
        return f"{document.description} (attachment)"
    return document.description
