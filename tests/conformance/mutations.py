"""For each requirement on the content of a message, ways to break just that in a good one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.conformance.checks import (
    DOCUMENT,
    HEADER,
    ORGANIZATION,
    PATIENT,
    PAYLOAD,
    PRACTITIONER,
    REGISTERED_AT,
    REPORT,
    SEEN_AT,
    TASK,
    key,
)
from tests.conformance.specimen import Specimen

Spoil = Callable[[Specimen], None]

UNKNOWN = "urn:uuid:00000000-0000-4000-8000-000000000000"
LATER = "2026-11-21T09:00:00+00:00"


class Mutation(NamedTuple):
    """``what`` is shown in the table; ``of`` names the specimen that is spoiled."""

    requirement: str
    what: str
    spoil: Spoil
    of: str = "report"


def drop(xpath: str) -> Spoil:
    return lambda sent: sent.draft.remove(xpath)


def put(xpath: str, value: str) -> Spoil:
    return lambda sent: sent.draft.set(xpath, value)


def twice(xpath: str) -> Spoil:
    return lambda sent: sent.draft.repeat(xpath)


def grow(xpath: str, xml: str) -> Spoil:
    return lambda sent: sent.draft.add(xpath, xml)


def head(name: str, value: str) -> Spoil:
    return lambda sent: sent.headers.update({name: value})


def printed(old: str, new: str) -> Spoil:
    def spoil(sent: Specimen) -> None:
        assert old in sent.html
        sent.html = sent.html.replace(old, new)

    return spoil


def point_elsewhere(xpath: str, element: str) -> Spoil:
    """Let a reference lead to another resource of the payload, of the wrong kind."""

    def spoil(sent: Specimen) -> None:
        (url,) = set(sent.values(f"{PAYLOAD}/f:entry[f:resource/f:{element}][1]/f:fullUrl"))
        sent.draft.set(f"{xpath}/f:reference", str(url))

    return spoil


def swap_practices(sent: Specimen) -> None:
    seen_at, registered_at = f"{TASK}/f:requester/f:onBehalfOf/f:reference", f"{TASK}/f:owner/f:reference"
    (one,), (other,) = sent.values(seen_at), sent.values(registered_at)
    sent.draft.set(seen_at, str(other))
    sent.draft.set(registered_at, str(one))


def claim(xpath: str) -> Spoil:
    """Let a resource claim another profile."""
    return put(f"{xpath}/f:meta/f:profile", "https://example.org/another-profile")


def lose_attachment(sent: Specimen) -> None:
    sent.draft.remove(f"({TASK}/f:input)[2]")
    sent.draft.remove(f"{PAYLOAD}/f:entry[3]")


def second_patient(sent: Specimen) -> None:
    sent.draft.repeat(f"{PAYLOAD}/f:entry[f:resource/f:Patient]")
    second = f"({PAYLOAD}/f:entry[f:resource/f:Patient])[2]"
    sent.draft.set(f"{second}/f:fullUrl", UNKNOWN)


def as_if_open(sent: Specimen) -> None:
    """Print the clinician into a confidential report."""
    label = '<p class="label seen">Clinician</p><p class="value seen">'
    assert label in sent.html
    sent.html = sent.html.replace(label, f"{label}Dr Gary Pritchard, General practitioner")


def named_patient(sent: Specimen) -> None:
    sent.draft.set("//f:issue/f:diagnostics", "Mr Smith is not known")


_ODS = "f:identifier/f:value"
_SECOND_TASK = f"{PAYLOAD}/f:entry[1]"
_NUMBER = f"{PATIENT}/f:identifier"
_CODING = "//f:issue/f:details/f:coding"

REPORT_MUTATIONS = [
    Mutation("GPCM-SD-001", "focus leads to nothing", put(f"{HEADER}/f:focus/f:reference", UNKNOWN)),
    Mutation("GPCM-SD-001", "the payload claims another profile", claim(PAYLOAD)),
    Mutation("GPCM-SD-002", "the Task is taken out", drop(f"{PAYLOAD}/f:entry[1]")),
    Mutation("GPCM-SD-002", "the Task claims another profile", claim(TASK)),
    Mutation("GPCM-SD-003", "onBehalfOf is the registered practice", swap_practices),
    Mutation("GPCM-SD-003", "the sending Organization claims another profile", claim(SEEN_AT)),
    Mutation("GPCM-SD-004", "onBehalfOf is missing", drop(f"{TASK}/f:requester/f:onBehalfOf")),
    Mutation("GPCM-SD-005", "there is a second Patient", second_patient),
    Mutation("GPCM-SD-005", "the Patient is taken out", drop(f"{PAYLOAD}/f:entry[f:resource/f:Patient]")),
    Mutation("GPCM-SD-006", "the Practitioner is taken out", drop(f"{PAYLOAD}/f:entry[f:resource/f:Practitioner]")),
    Mutation("GPCM-SD-007", "Task.owner is the practice that saw the patient", swap_practices),
    Mutation("GPCM-SD-008", "the attachment has no Task.input", drop(f"({TASK}/f:input)[2]")),
    Mutation(
        "GPCM-SD-009",
        "an input leads to the Patient",
        point_elsewhere(f"{TASK}/f:input[2]/f:valueReference", "Patient"),
    ),
    Mutation("GPCM-SD-009", "the DocumentReference claims another profile", claim(REPORT)),
    Mutation("GPCM-SD-010", "a DocumentReference is taken out", drop(f"{PAYLOAD}/f:entry[3]")),
    Mutation("GPCM-SD-011", "created is missing", drop(f"{REPORT}/f:created")),
    Mutation("GPCM-SD-011", "created is another time", put(f"{DOCUMENT}/f:created", LATER)),
    Mutation("GPCM-SD-012", "a label is missing", drop(f"({DOCUMENT})[2]/f:description")),
    Mutation("GPCM-SD-013", "contentType is missing", drop(f"({DOCUMENT})[2]//f:contentType")),
    Mutation("GPCM-SD-013", "data is cut short", put(f"({DOCUMENT})[2]//f:data", "iVBORw0KGgo=")),
    Mutation("GPCM-SD-079", "indexed has no zone", put(f"{DOCUMENT}/f:indexed", "2026-11-20T21:25:00")),
    Mutation("GPCM-SD-014", "there is a second Task", twice(_SECOND_TASK)),
    Mutation("GPCM-SD-015", "intent is order", put(f"{TASK}/f:intent", "order")),
    Mutation("GPCM-SD-016", "status is draft", put(f"{TASK}/f:status", "draft")),
    Mutation("GPCM-SD-017", "priority is urgent", put(f"{TASK}/f:priority", "urgent")),
    Mutation("GPCM-SD-017", "priority is missing", drop(f"{TASK}/f:priority")),
    Mutation("GPCM-SD-018", "the description says something else", put(f"{TASK}/f:description", "A report")),
    Mutation("GPCM-SD-018", "the description is missing", drop(f"{TASK}/f:description")),
    Mutation("GPCM-SD-019", "Task.for is the Practitioner", point_elsewhere(f"{TASK}/f:for", "Practitioner")),
    Mutation("GPCM-SD-019", "the Patient claims another profile", claim(PATIENT)),
    Mutation("GPCM-SD-020", "authoredOn is a day only", put(f"{TASK}/f:authoredOn", "2026-11-20")),
    Mutation("GPCM-SD-020", "authoredOn is another time", put(f"{TASK}/f:authoredOn", LATER)),
    Mutation("GPCM-SD-021", "the agent is the Patient", point_elsewhere(f"{TASK}/f:requester/f:agent", "Patient")),
    Mutation("GPCM-SD-021", "the Practitioner claims another profile", claim(PRACTITIONER)),
    Mutation(
        "GPCM-SD-022", "onBehalfOf leads to nothing", put(f"{TASK}/f:requester/f:onBehalfOf/f:reference", UNKNOWN)
    ),
    Mutation("GPCM-SD-023", "Task.owner is missing", drop(f"{TASK}/f:owner")),
    Mutation("GPCM-SD-023", "Task.owner is another practice", put(f"{REGISTERED_AT}/{_ODS}", "Z99999")),
    Mutation("GPCM-SD-024", "the report says that it is HTML", put(f"{REPORT}//f:contentType", "text/html")),
    Mutation("GPCM-SD-024", "the report is not a PDF inside", put(f"{REPORT}//f:data", "aGVsbG8=")),
    Mutation("GPCM-SD-025", "the report's input is called a letter", put(f"{TASK}/f:input[1]/f:type/f:text", "Letter")),
    Mutation("GPCM-SD-026", "the report is called a letter", put(f"{REPORT}/f:description", "Letter")),
    Mutation("GPCM-SD-078", "the report is superseded", put(f"{REPORT}/f:status", "superseded")),
    Mutation("GPCM-SD-080", "the subject is the Practitioner", point_elsewhere(f"{REPORT}/f:subject", "Practitioner")),
    Mutation("GPCM-SD-081", "the author is the Patient", point_elsewhere(f"{REPORT}/f:author", "Patient")),
    Mutation("GPCM-SD-082", "the type has another code", put(f"{REPORT}/f:type/f:coding/f:code", "1")),
    Mutation("GPCM-SD-082", "the type has another display", put(f"{REPORT}/f:type/f:coding/f:display", "Letter")),
    Mutation(
        "GPCM-SD-028",
        "the registered practice is taken out",
        drop(f"({PAYLOAD}/f:entry[f:resource/f:Organization])[2]"),
    ),
    Mutation("GPCM-SD-029", "a practice has no ODS code", drop(f"{SEEN_AT}/f:identifier")),
    Mutation("GPCM-SD-029", "an ODS code is of another system", put(f"{REGISTERED_AT}/f:identifier/f:system", "urn:x")),
    Mutation("GPCM-SD-030", "a practice has no name", drop(f"{REGISTERED_AT}/f:name")),
    Mutation("GPCM-SD-031", "a practice has an e-mail address only", put(f"{SEEN_AT}/f:telecom/f:system", "email")),
    Mutation("GPCM-SD-031", "practices have no telecom", drop(f"{ORGANIZATION}/f:telecom")),
    Mutation("GPCM-SD-032", "the SDS user id is missing", drop(f"{PRACTITIONER}/f:identifier")),
    Mutation("GPCM-SD-033", "the clinician has two names", twice(f"{PRACTITIONER}/f:name")),
    Mutation(
        "GPCM-SD-033", "the clinician's name is not the official one", put(f"{PRACTITIONER}/f:name/f:use", "usual")
    ),
    Mutation("GPCM-SD-034", "the clinician's telephone is missing", drop(f"{PRACTITIONER}/f:telecom")),
    Mutation("GPCM-SD-035", "the NHS number is missing", drop(_NUMBER)),
    Mutation("GPCM-SD-035", "the NHS number is of another system", put(f"{_NUMBER}/f:system", "urn:x")),
    Mutation("GPCM-SD-036", "the patient has two names", twice(f"{PATIENT}/f:name")),
    Mutation("GPCM-SD-036", "the patient's name is not the official one", put(f"{PATIENT}/f:name/f:use", "usual")),
    Mutation("GPCM-SD-037", "the birth date has the day first", put(f"{PATIENT}/f:birthDate", "09-01-1957")),
    Mutation("GPCM-SD-038", "Mex-To names another surname", head("Mex-To", "GPPROVIDER_9690937278_19570109_Jones")),
    Mutation("GPCM-SD-038", "the Patient has another birth date", put(f"{PATIENT}/f:birthDate", "1957-01-10")),
    Mutation("GPCM-SD-039", "RecipientType is FI", put(key("RecipientType", "f:valueCoding/f:code"), "FI")),
    Mutation("GPCM-SD-040", "BusAckRequested is false", put(key("BusAckRequested", "f:valueBoolean"), "false")),
    Mutation("GPCM-SD-041", "InfAckRequested is false", put(key("InfAckRequested", "f:valueBoolean"), "false")),
    Mutation("GPCM-SD-042", "SenderReference is None", put(key("SenderReference", "f:valueString"), "None")),
    Mutation(
        "GPCM-SD-043",
        "MessageDefinition is another",
        put(key("MessageDefinition", "f:valueReference/f:reference"), "urn:x"),
    ),
    Mutation("GPCM-SD-044", "LocalExtension is None", put(key("LocalExtension", "f:valueString"), "None")),
    Mutation("GPCM-SD-045", "the sender is missing", drop(f"{HEADER}/f:sender")),
    Mutation(
        "GPCM-SD-045", "the header's Organization claims another profile", claim("/f:Bundle/f:entry[2]/f:resource/*")
    ),
    Mutation("GPCM-SD-046", "source is another mailbox", put(f"{HEADER}/f:source/f:endpoint", "OTHERMB1")),
    Mutation("GPCM-SD-047", "the event is ITK006D", put(f"{HEADER}/f:event/f:code", "ITK006D")),
    Mutation("GPCM-SD-048", "the timestamp has no zone", put(f"{HEADER}/f:timestamp", "2026-11-20T21:25:00")),
    Mutation("GPCM-SD-048", "the timestamp is another time", put(f"{HEADER}/f:timestamp", LATER)),
    Mutation("GPCM-SD-049", "there is a receiver", grow(HEADER, '<receiver ><reference value="x"/></receiver>')),
    Mutation(
        "GPCM-SD-049", "there is a destination", grow(HEADER, '<destination ><endpoint value="x"/></destination>')
    ),
    Mutation("GPCM-SD-056", "Mex-To is a mailbox", head("Mex-To", "BIRCHMB1")),
    Mutation("GPCM-SD-057", "the workflow is another", head("Mex-WorkflowID", "GPCONNECT_SEND_DOCUMENT")),
    Mutation("GPCM-SD-059", "Mex-From is another mailbox", head("Mex-From", "OTHERMB1")),
    Mutation("GPCM-SD-060", "Mex-To has no birth date", head("Mex-To", "GPPROVIDER_9690937278_Smith")),
    Mutation("GPCM-SD-061", "the Subject is empty", head("Mex-Subject", "")),
    Mutation("GPCM-SD-062", "Mex-From is another mailbox", head("Mex-From", "OTHERMB1")),
    Mutation("GPCM-SD-063", "Mex-To is parted by spaces", head("Mex-To", "GPPROVIDER 9690937278 19570109 Smith")),
    Mutation("GPCM-SD-064", "the Subject says something else", head("Mex-Subject", "A report")),
    Mutation("GPCM-SD-086", "a note is not printed", printed("Sore throat for 3 days", "")),
    Mutation("GPCM-SD-086", "a code is not printed", printed("162397003", "")),
    Mutation("GPCM-SD-088", "an attachment is taken out", lose_attachment),
    Mutation("GPCM-SD-090", "a label is not printed", printed("Place of consultation", "")),
    Mutation("GPCM-SD-091", "another version is printed", printed(">Version 1<", ">Version 2<")),
    Mutation("GPCM-SD-091", "the Subject has no version", head("Mex-Subject", "Federated consultation report for X")),
    Mutation("GPCM-SD-102", "the clinician is printed", as_if_open, "confidential report"),
    Mutation(
        "GPCM-SD-102",
        "the surgery's e-mail is printed",
        printed("set as confidential", "set as confidential alder@example.nhs.uk"),
        "confidential report",
    ),
    Mutation("FHIR-PAY-01", "two documents in one transmission", twice(_SECOND_TASK)),
    Mutation(
        "FHIR-PAY-02",
        "an attachment lies elsewhere",
        grow(f"({DOCUMENT})[2]//f:attachment", '<url value="https://example.org/x"/>'),
    ),
    Mutation("FHIR-PDS-02", "the postcode is missing", drop(f"{PATIENT}/f:address/f:postalCode"), "unverified report"),
    Mutation("FHIR-PDS-02", "the gender is missing", drop(f"{PATIENT}/f:gender"), "unverified report"),
    Mutation("FHIR-PDS-06", "the check digit is wrong", put(f"{_NUMBER}/f:value", "9690937279")),
    Mutation("FHIR-PDS-10", "the status is missing", drop(f"{_NUMBER}/f:extension")),
    Mutation(
        "FHIR-VER-01", "two parts have one id", put("/f:Bundle/f:id | /f:Bundle/f:identifier/f:value", UNKNOWN[9:])
    ),
    Mutation("FHIR-SR-01", "RecipientType is FI", put(key("RecipientType", "f:valueCoding/f:code"), "FI")),
    Mutation(
        "FHIR-SR-03", "SenderReference is missing", drop(f"{HEADER}/f:extension/f:extension[@url='SenderReference']")
    ),
    Mutation(
        "FHIR-SR-05",
        "MessageDefinition is missing",
        drop(f"{HEADER}/f:extension/f:extension[@url='MessageDefinition']"),
    ),
    Mutation(
        "FHIR-SR-06", "LocalExtension is missing", drop(f"{HEADER}/f:extension/f:extension[@url='LocalExtension']")
    ),
    Mutation("FHIR-CC-04", "a reference leads to nothing", put(f"({DOCUMENT})[2]/f:author/f:reference", UNKNOWN)),
]

RESPONSE_MUTATIONS = [
    Mutation(
        "GPCM-SD-050", "BusAckRequested is true", put(key("BusAckRequested", "f:valueBoolean"), "true"), "response"
    ),
    Mutation(
        "GPCM-SD-051", "InfAckRequested is true", put(key("InfAckRequested", "f:valueBoolean"), "true"), "response"
    ),
    Mutation(
        "GPCM-SD-052", "SenderReference is None", put(key("SenderReference", "f:valueString"), "None"), "response"
    ),
    Mutation("GPCM-SD-053", "the sender is missing", drop(f"{HEADER}/f:sender")),
    Mutation(
        "GPCM-SD-053",
        "the sender is another practice",
        put("//f:Organization/f:identifier/f:value", "Z99999"),
    ),
    Mutation("GPCM-SD-054", "the event is ITK007C", put(f"{HEADER}/f:event/f:code", "ITK007C")),
    Mutation("GPCM-SD-055", "the timestamp is missing", drop(f"{HEADER}/f:timestamp")),
    Mutation(
        "GPCM-SD-058", "the workflow is that of reports", head("Mex-WorkflowID", "GPFED_CONSULT_REPORT"), "response"
    ),
    Mutation("GPCM-SD-066", "the code is good news", put(f"{_CODING}/f:code", "20013")),
    Mutation("GPCM-SD-066", "the header says ok", put(f"{HEADER}/f:response/f:code", "ok")),
    Mutation("GPCM-SD-074", "the diagnostics are missing", drop("//f:issue/f:diagnostics")),
    Mutation("FHIR-BA-02", "the diagnostics name the patient", named_patient),
]

ALL = [*REPORT_MUTATIONS, *(mutation._replace(of="response") for mutation in RESPONSE_MUTATIONS)]
