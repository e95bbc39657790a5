"""What the checks of messages share: paths, and what a good message must say.

Stricter than the receiver's table, and written without the builder's own helpers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conformance.specimen import ALDER, PDF, Made, Specimen

Check = Callable[[Specimen], bool]

HEADER = "/f:Bundle/f:entry/f:resource/f:MessageHeader"
PAYLOAD = "/f:Bundle/f:entry/f:resource/f:Bundle"
TASK = f"{PAYLOAD}/f:entry/f:resource/f:Task"
PATIENT = f"{PAYLOAD}/f:entry/f:resource/f:Patient"
PRACTITIONER = f"{PAYLOAD}/f:entry/f:resource/f:Practitioner"
ORGANIZATION = f"{PAYLOAD}/f:entry/f:resource/f:Organization"
DOCUMENT = f"{PAYLOAD}/f:entry/f:resource/f:DocumentReference"
REPORT = f"{PAYLOAD}/f:entry[2]/f:resource/f:DocumentReference"
SEEN_AT = f"({ORGANIZATION})[1]"
REGISTERED_AT = f"({ORGANIZATION})[2]"
ITK = "https://fhir.nhs.uk/STU3/"
CARE_CONNECT = "https://fhir.hl7.org.uk/STU3/"
MADE_AT = "2026-11-20T21:25:00+00:00"
NUMBER = f"{PATIENT}/f:identifier[f:system/@value='https://fhir.nhs.uk/Id/nhs-number']"


def shows_in(checks: dict[str, Check]) -> Callable[..., Callable[[Check], Check]]:
    """Return a decorator that puts a check into ``checks`` under the requirements that it shows."""

    def shows(*requirements: str) -> Callable[[Check], Check]:
        def register(check: Check) -> Check:
            checks.update(dict.fromkeys(requirements, check))
            return check

        return register

    return shows


def key(url: str, child: str) -> str:
    return f"{HEADER}/f:extension/f:extension[@url='{url}']/{child}"


def value(xpath: str, expected: Callable[[Made], str] | str) -> Check:
    """Return a check that there is one value at the path, the expected one."""
    return lambda sent: sent.values(xpath) == [expected if isinstance(expected, str) else expected(sent.facts)]


def is_resource(resource: Any, kind: str, profile: str) -> bool:
    if resource is None or resource.tag != f"{{http://hl7.org/fhir}}{kind}":
        return False
    return [each.get("value") for each in resource.findall("{*}meta/{*}profile")] == [profile]


def refers(reference: str, kind: str, profile: str) -> Check:
    return lambda sent: is_resource(sent.target(PAYLOAD, reference), kind, profile)


def practice_at(reference: str, code: str) -> Check:
    """Return a check that the reference leads to the one practice with this ODS code."""

    def check(sent: Specimen) -> bool:
        found = sent.target(PAYLOAD, reference)
        if not is_resource(found, "Organization", f"{CARE_CONNECT}StructureDefinition/CareConnect-Organization-1"):
            return False
        return [each.get("value") for each in found.findall("{*}identifier/{*}value")] == [code]

    return check


def documents(made: Made) -> list[tuple[str, str, bytes]]:
    """Return label, type and bytes of what must travel."""
    attached = () if made.consultation.confidential else made.consultation.attachments
    return [
        ("Federated Consultation Report", "application/pdf", PDF),
        *((each.title, each.content_type, made.blobs[each.sha256]) for each in attached),
    ]


def spoken_name(made: Made) -> str:
    patient = made.consultation.patient
    return " ".join(part for part in (patient.title, *patient.given, patient.family) if part)


def description(made: Made) -> str:
    place = "" if made.consultation.confidential else f", seen at {ALDER.name}, ODS Code {ALDER.ods_code}"
    number = made.consultation.patient.nhs_number
    return (
        f"Federated consultation report for {spoken_name(made)} , NHS Number {number}{place}"
        f", Version {made.version.number}"
    )


def official_name(path: str, person: Callable[[Made], Any]) -> Check:
    def check(sent: Specimen) -> bool:
        expected = person(sent.facts)
        return (
            len(sent.elements(f"{path}/f:name")) == 1
            and sent.values(f"{path}/f:name/f:use") == ["official"]
            and sent.values(f"{path}/f:name/f:family") == [expected.family]
            and sent.values(f"{path}/f:name/f:given") == list(expected.given)
            and sent.values(f"{path}/f:name/f:prefix") == [expected.title] * bool(expected.title)
        )

    return check


def agree(*checks: Check) -> Check:
    return lambda sent: all(check(sent) for check in checks)
