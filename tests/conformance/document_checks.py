"""Checks of a report as a document: the requirements of Send Document 1.3 and of the assessment list of 2.0."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable

from tests.conformance import header_checks, people_checks
from tests.conformance.checks import (
    CARE_CONNECT,
    HEADER,
    ITK,
    MADE_AT,
    ORGANIZATION,
    PAYLOAD,
    Check,
    agree,
    documents,
    is_resource,
    key,
    practice_at,
    refers,
    shows_in,
    spoken_name,
    value,
)
from tests.conformance.specimen import ALDER, Made, Specimen

CHECKS: dict[str, Check] = {}
shows = shows_in(CHECKS)

COMPOSITION = f"{PAYLOAD}/f:entry/f:resource/f:Composition"
BINARY = f"{PAYLOAD}/f:entry/f:resource/f:Binary"
SECTION = f"{COMPOSITION}/f:section"
RELATES_TO = f"{COMPOSITION}/f:relatesTo"
DEFINITION = key("MessageDefinition", "f:valueReference/f:reference")
LOCAL_EXTENSION = key("LocalExtension", "f:valueString")
ORIGINAL = "30000000-0000-4000-8000-000000000000"
"""The report id of the version before, of which a replacement is a specimen."""
ORIGINAL_PAYLOAD = "69af07f0-afb3-54ea-b0be-18ae04730f6c"
"""The identifier that the payload bundle of that version has."""
_PROFILE = f"{CARE_CONNECT}StructureDefinition/CareConnect-"
_XHTML = "{http://www.w3.org/1999/xhtml}"

# what the payload makes no difference to
SAME = {
    f"{edition}/{identifier}": identifier
    for edition, numbers in {
        "1.3": (32, 33, 35, 36, 37, 38, *range(39, 43), *range(45, 50), 56, 59, 60, 62, 63),
        "2.0": (38, 40, 41, 42, *range(45, 50), 59, 60, 62, 63),
    }.items()
    for identifier in (f"GPCM-SD-{number:03}" for number in numbers)
}
# one row of the assessment list is several of 1.2.0
SEVERAL = {
    "2.0/GPCM-SD-032": ("GPCM-SD-032", "GPCM-SD-033", "GPCM-SD-034"),
    "2.0/GPCM-SD-035": ("GPCM-SD-035", "GPCM-SD-036", "GPCM-SD-037"),
}
_OF_1_2_0 = header_checks.CHECKS | people_checks.CHECKS
CHECKS |= {identifier: _OF_1_2_0[same] for identifier, same in SAME.items()}
CHECKS |= {identifier: agree(*(_OF_1_2_0[each] for each in same)) for identifier, same in SEVERAL.items()}


def both(number: int) -> tuple[str, str]:
    """Return the ids of one number in both editions."""
    return f"1.3/GPCM-SD-{number:03}", f"2.0/GPCM-SD-{number:03}"


def line_1_3(made: Made) -> str:
    place = "" if made.consultation.confidential else f", seen at {ALDER.name}, ODS Code {ALDER.ods_code}"
    start = f"Consultation report for {spoken_name(made)}, NHS Number {made.consultation.patient.nhs_number}"
    return f"{start}{place}, Version {made.version.number}"


def line_2_0(made: Made) -> str:
    place = "" if made.consultation.confidential else f", seen at {ALDER.name}, {ALDER.ods_code}"
    start = f"Consultation report for {spoken_name(made)}, NHS Number: {made.consultation.patient.nhs_number}"
    return f"{start}{place}, Version: {made.version.number}"


def _subject(line: Callable[[Made], str]) -> Check:
    def check(sent: Specimen) -> bool:
        subject, wanted = sent.headers.get("Mex-Subject", ""), " ".join(line(sent.facts).split())
        if wanted.isascii() and len(wanted) <= 500:
            return subject == wanted
        # folded or cut: what is not the name stands as it is
        end = wanted[wanted.rindex(", NHS Number") :]
        return subject.startswith("Consultation report for ") and subject.endswith(end) and len(subject) <= 500

    return check


_BUNDLE = f"{ITK}StructureDefinition/ITK-Document-Bundle-1"
shows(*both(103))(lambda sent: is_resource(sent.target("/f:Bundle", f"{HEADER}/f:focus"), "Bundle", _BUNDLE))
shows(*both(104), "1.3/GPCM-SD-113")(
    lambda sent: (
        [is_resource(each, "Composition", f"{_PROFILE}Composition-1") for each in sent.elements(COMPOSITION)] == [True]
        and sent.elements(f"{PAYLOAD}/f:entry[1]/f:resource/f:Composition") == sent.elements(COMPOSITION)
    )
)
shows(*both(105), "1.3/GPCM-SD-122")(practice_at(f"{COMPOSITION}/f:custodian", ALDER.ods_code))
shows(*both(106), "1.3/GPCM-SD-120")(refers(f"{COMPOSITION}/f:subject", "Patient", f"{_PROFILE}Patient-1"))
shows(*both(107), "1.3/GPCM-SD-121")(refers(f"{COMPOSITION}/f:author", "Practitioner", f"{_PROFILE}Practitioner-1"))


@shows(*both(108))
def _every_resource_claims_its_profile(sent: Specimen) -> bool:
    resources = [sent.draft.root, *sent.elements("//f:entry/f:resource/*")]
    return all(
        each.find("{*}meta/{*}profile") is not None
        and "/StructureDefinition/" in each.find("{*}meta/{*}profile").get("value")
        for each in resources
    )


@shows(*both(109))
def _each_document_has_a_section(sent: Specimen) -> bool:
    return sent.values(f"{SECTION}/f:title") == [label for label, _, _ in documents(sent.facts)]


@shows(*both(110))
def _each_section_leads_to_its_binary(sent: Specimen) -> bool:
    places = range(1, len(sent.elements(SECTION)) + 1)
    found = [sent.target(PAYLOAD, f"{SECTION}[{place}]/f:entry") for place in places]
    profile = f"{ITK}StructureDefinition/ITK-Attachment-Binary-1"
    return all(is_resource(each, "Binary", profile) for each in found) and found == sent.elements(BINARY)


@shows(*both(111), "1.3/GPCM-SD-112")
def _documents_travel_whole_and_in_their_order(sent: Specimen) -> bool:
    types, data = sent.values(f"{BINARY}/f:contentType"), sent.values(f"{BINARY}/f:content")
    travelled = [(kind, b64decode(each or "")) for kind, each in zip(types, data, strict=False)]
    return travelled == [(kind, each) for _, kind, each in documents(sent.facts)] and len(types) == len(data)


@shows("1.3/GPCM-SD-124")
def _the_report_is_the_first_section(sent: Specimen) -> bool:
    first = sent.target(PAYLOAD, f"{SECTION}[1]/f:entry")
    return first is not None and first.find("{*}contentType").get("value") == "application/pdf"


shows("1.3/GPCM-SD-114")(value(f"{COMPOSITION}/f:status", "final"))
shows(*both(115))(
    agree(
        value(f"{COMPOSITION}/f:type/f:coding/f:system", "http://snomed.info/sct"),
        value(f"{COMPOSITION}/f:type/f:coding/f:code", "371531000"),
    )
)
shows("1.3/GPCM-SD-116")(value(f"{COMPOSITION}/f:date", MADE_AT))
shows("1.3/GPCM-SD-117")(
    value(f"{COMPOSITION}/f:confidentiality", lambda made: "R" if made.consultation.confidential else "N")
)
shows("1.3/GPCM-SD-118")(value(f"{COMPOSITION}/f:title", "Consultation report"))


@shows("1.3/GPCM-SD-119")
def _the_text_is_the_line(sent: Specimen) -> bool:
    texts = [each.findtext(f"{_XHTML}div/{_XHTML}p") for each in sent.elements(f"{COMPOSITION}/f:text")]
    return texts == [line_1_3(sent.facts)]


shows(*both(123), "1.3/GPCM-SD-132")(
    lambda sent: (
        not sent.facts.version.replaces or sent.values(f"{RELATES_TO}/f:targetIdentifier/f:value") == [ORIGINAL_PAYLOAD]
    )
)
shows("1.3/GPCM-SD-131")(
    lambda sent: sent.values(f"{RELATES_TO}/f:code") == ["replaces"] * bool(sent.facts.version.replaces)
)
shows(*both(28))(
    agree(
        lambda sent: len(sent.elements(ORGANIZATION)) == 1,
        value(f"{ORGANIZATION}/f:identifier/f:value", ALDER.ods_code),
        value(f"{ORGANIZATION}/f:name", ALDER.name),
        value(f"{ORGANIZATION}/f:telecom[f:system/@value='phone']/f:value", ALDER.telephone),
    )
)
_SENT_DEFINITION = f"{ITK}MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-1"
shows(*both(43))(value(DEFINITION, _SENT_DEFINITION))
shows("1.3/GPCM-SD-044")(value(LOCAL_EXTENSION, "SendDocument-ConsultationReport"))
shows("2.0/GPCM-SD-044")(value(LOCAL_EXTENSION, "None"))
shows("1.3/GPCM-SD-057")(lambda sent: sent.headers["Mex-WorkflowID"] == "GPFED_CONSULT_REPORT")
shows("2.0/GPCM-SD-057")(lambda sent: sent.headers["Mex-WorkflowID"] == "GPCONNECT_SEND_DOCUMENT")
shows("1.3/GPCM-SD-061", "1.3/GPCM-SD-064")(_subject(line_1_3))
shows("2.0/GPCM-SD-061", "2.0/GPCM-SD-064")(_subject(line_2_0))


def checks_of(edition: str) -> dict[str, Check]:
    """Return the checks of one edition, ``1.3`` or ``2.0``."""
    return {identifier: check for identifier, check in CHECKS.items() if identifier.startswith(f"{edition}/")}
