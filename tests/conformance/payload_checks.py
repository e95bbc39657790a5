"""Checks of the Task and its documents: GPCM-SD-001 to 026, 078 to 082, 088."""

from __future__ import annotations

from base64 import b64decode

from tests.conformance.checks import (
    CARE_CONNECT,
    DOCUMENT,
    HEADER,
    ITK,
    MADE_AT,
    PAYLOAD,
    REPORT,
    TASK,
    Check,
    agree,
    description,
    documents,
    is_resource,
    practice_at,
    refers,
    shows_in,
    value,
)
from tests.conformance.specimen import ALDER, BIRCH, PDF, Specimen

CHECKS: dict[str, Check] = {}
shows = shows_in(CHECKS)

_FOCUS = f"{HEADER}/f:focus"
_PRACTITIONER_PROFILE = f"{CARE_CONNECT}StructureDefinition/CareConnect-Practitioner-1"
_PATIENT_PROFILE = f"{CARE_CONNECT}StructureDefinition/CareConnect-Patient-1"
_DOCUMENT_PROFILE = f"{ITK}StructureDefinition/GPConnect-DocumentReference-1"

shows("GPCM-SD-001")(
    lambda sent: is_resource(
        sent.target("/f:Bundle", _FOCUS), "Bundle", f"{ITK}StructureDefinition/ITK-Payload-Bundle-1"
    )
)
shows("GPCM-SD-002", "GPCM-SD-014", "FHIR-PAY-01")(
    lambda sent: (
        [is_resource(task, "Task", f"{ITK}StructureDefinition/GPConnect-Task-1") for task in sent.elements(TASK)]
        == [True]
    )
)
shows("GPCM-SD-003", "GPCM-SD-004", "GPCM-SD-022")(practice_at(f"{TASK}/f:requester/f:onBehalfOf", ALDER.ods_code))
shows("GPCM-SD-007", "GPCM-SD-023")(practice_at(f"{TASK}/f:owner", BIRCH.ods_code))
shows("GPCM-SD-005", "GPCM-SD-019")(refers(f"{TASK}/f:for", "Patient", _PATIENT_PROFILE))
shows("GPCM-SD-006", "GPCM-SD-021")(refers(f"{TASK}/f:requester/f:agent", "Practitioner", _PRACTITIONER_PROFILE))
shows("GPCM-SD-015")(value(f"{TASK}/f:intent", "plan"))
shows("GPCM-SD-016")(value(f"{TASK}/f:status", "requested"))
shows("GPCM-SD-017")(value(f"{TASK}/f:priority", "routine"))
shows("GPCM-SD-018")(value(f"{TASK}/f:description", description))
shows("GPCM-SD-020")(value(f"{TASK}/f:authoredOn", MADE_AT))


@shows("GPCM-SD-008")
def _each_document_is_an_input(sent: Specimen) -> bool:
    return len(sent.elements(f"{TASK}/f:input")) == len(documents(sent.facts))


@shows("GPCM-SD-009", "GPCM-SD-010")
def _each_input_is_a_document(sent: Specimen) -> bool:
    places = range(1, len(sent.elements(f"{TASK}/f:input")) + 1)
    found = [sent.target(PAYLOAD, f"{TASK}/f:input[{place}]/f:valueReference") for place in places]
    right = all(is_resource(each, "DocumentReference", _DOCUMENT_PROFILE) for each in found)
    return right and found == sent.elements(DOCUMENT)


@shows("GPCM-SD-011")
def _documents_say_when_they_were_made(sent: Specimen) -> bool:
    return set(sent.values(f"{DOCUMENT}/f:created")) == {MADE_AT} and _one_each(sent, "f:created")


@shows("GPCM-SD-079")
def _documents_say_when_they_were_indexed(sent: Specimen) -> bool:
    return set(sent.values(f"{DOCUMENT}/f:indexed")) == {MADE_AT} and _one_each(sent, "f:indexed")


def _one_each(sent: Specimen, child: str) -> bool:
    return all(len(sent.elements(f"({DOCUMENT})[{n}]/{child}")) == 1 for n in range(1, _count(sent) + 1))


def _count(sent: Specimen) -> int:
    return len(sent.elements(DOCUMENT))


@shows("GPCM-SD-012")
def _documents_have_their_labels(sent: Specimen) -> bool:
    labels = sent.values(f"{DOCUMENT}/f:description")
    wanted = [label for label, _, _ in documents(sent.facts)]
    # an attachment that bears the report's own label is told apart by a word more
    return len(labels) == len(wanted) and all(map(str.startswith, map(str, labels), wanted))


@shows("GPCM-SD-013", "GPCM-SD-088")
def _documents_travel_whole(sent: Specimen) -> bool:
    content = f"{DOCUMENT}/f:content/f:attachment"
    types, data = sent.values(f"{content}/f:contentType"), sent.values(f"{content}/f:data")
    travelled = [(kind, b64decode(each or "")) for kind, each in zip(types, data, strict=False)]
    return travelled == [(kind, each) for _, kind, each in documents(sent.facts)] and len(types) == len(data)


@shows("GPCM-SD-024")
def _the_report_is_a_pdf(sent: Specimen) -> bool:
    content = f"{REPORT}/f:content/f:attachment"
    return sent.values(f"{content}/f:contentType") == ["application/pdf"] and [
        b64decode(each or "") for each in sent.values(f"{content}/f:data")
    ] == [PDF]


shows("GPCM-SD-025")(value(f"{TASK}/f:input[1]/f:type/f:text", "Federated consultation report"))
shows("GPCM-SD-026")(value(f"{REPORT}/f:description", "Federated Consultation Report"))
shows("GPCM-SD-078")(value(f"{REPORT}/f:status", "current"))
shows("GPCM-SD-080")(
    lambda sent: (
        refers(f"{REPORT}/f:subject", "Patient", _PATIENT_PROFILE)(sent)
        and sent.values(f"{REPORT}/f:subject/f:reference") == sent.values(f"{TASK}/f:for/f:reference")
    )
)
shows("GPCM-SD-081")(
    lambda sent: (
        refers(f"{REPORT}/f:author", "Practitioner", _PRACTITIONER_PROFILE)(sent)
        and sent.values(f"{REPORT}/f:author/f:reference") == sent.values(f"{TASK}/f:requester/f:agent/f:reference")
    )
)
_TYPE = f"{REPORT}/f:type/f:coding[1]"
shows("GPCM-SD-082")(
    agree(
        value(f"{_TYPE}/f:system", f"{ITK}ValueSet/DocumentType-1"),
        value(f"{_TYPE}/f:code", "371531000"),
        value(f"{_TYPE}/f:display", "Report of clinical encounter"),
    )
)


@shows("FHIR-PAY-02")
def _nothing_lies_outside(sent: Specimen) -> bool:
    return not sent.elements(f"{DOCUMENT}//f:attachment/f:url") and _documents_travel_whole(sent)


@shows("FHIR-CC-04")
def _every_reference_leads_somewhere(sent: Specimen) -> bool:
    urls = set(sent.values("//f:entry/f:fullUrl"))
    definition = f"{HEADER}/f:extension//f:reference"
    references = sent.elements("//f:reference")
    return all(each.get("value") in urls for each in references if each not in sent.elements(definition))


@shows("FHIR-VER-01")
def _ids_are_those_of_this_version(sent: Specimen) -> bool:
    ids = sent.values("//f:resource/*/f:id | /f:Bundle/f:id")
    names = sent.values("//f:Bundle/f:identifier/f:value")
    return len(set(ids + names)) == len(ids) + len(names) == 11 + len(documents(sent.facts))
