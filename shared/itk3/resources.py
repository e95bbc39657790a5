"""The resources and data types that several ITK3 messages share, as plain dictionaries in FHIR order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared.itk3 import systems
from shared.itk3.fhir_xml import Resource
from shared.itk3.model import Address, Organization, Patient, PersonName, Practitioner


def resource(kind: str, resource_id: str, profile: str, **content: Any) -> Resource:
    """Return a resource that claims ``profile``; content without a value is left out."""
    start = {"resourceType": kind, "id": resource_id, "meta": {"profile": [profile]}}
    return start | present(**content)


def present(**content: Any) -> Resource:
    """Return ``content`` without what has no value; a trailing ``_`` lets a key be a Python keyword."""
    return {key.rstrip("_"): value for key, value in content.items() if value not in (None, "", [], {})}


def bundle(
    bundle_id: str,
    identifier: str,
    profile: str,
    kind: str,
    entries: list[Resource],
    last_updated: datetime | None = None,
) -> Resource:
    """Return a bundle of ``entries``, each under its ``urn:uuid:`` (decision 10).

    ``last_updated`` is the date of a document: ITK3 asks for it of a bundle of that type.
    """
    built = resource(
        "Bundle",
        bundle_id,
        profile,
        identifier={"system": systems.UUID_SYSTEM, "value": identifier},
        type=kind,
        entry=[{"fullUrl": f"urn:uuid:{entry['id']}", "resource": entry} for entry in entries],
    )
    if last_updated is not None:
        built["meta"] = {"lastUpdated": instant(last_updated), **built["meta"]}
    return built


def reference(resource_id: str) -> Resource:
    """Return a reference to a resource of the same message."""
    return {"reference": f"urn:uuid:{resource_id}"}


def instant(moment: datetime) -> str:
    """Return ``moment``, which has a zone, in UTC to the second: FHIR asks for an explicit offset."""
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def header_organization(resource_id: str, ods_code: str) -> Resource:
    """Return the organisation of the message header, which may have nothing but its code."""
    identifier = [{"system": systems.ODS_ORGANIZATION_CODE, "value": ods_code}]
    return resource("Organization", resource_id, systems.HEADER_ORGANIZATION, identifier=identifier)


def organization(resource_id: str, practice: Organization) -> Resource:
    """Return a practice with ODS code, name and telephone (GPCM-SD-029 to 031)."""
    return resource(
        "Organization",
        resource_id,
        systems.ORGANIZATION,
        identifier=[{"system": systems.ODS_ORGANIZATION_CODE, "value": practice.ods_code}],
        name=practice.name,
        telecom=_telephones((practice.telephone,), "work"),
    )


def practitioner(resource_id: str, person: Practitioner) -> Resource:
    """Return the clinician with SDS user id, official name and telephone if known (GPCM-SD-032 to 034)."""
    return resource(
        "Practitioner",
        resource_id,
        systems.PRACTITIONER,
        identifier=[{"system": systems.SDS_USER_ID, "value": person.sds_user_id}],
        name=[_official(person.name)],
        telecom=_telephones((person.telephone,), "work"),
    )


def patient(resource_id: str, person: Patient) -> Resource:
    """Return the patient with NHS number and its status, official name and birth date (GPCM-SD-035 to 037)."""
    return resource(
        "Patient",
        resource_id,
        systems.PATIENT,
        identifier=[_nhs_number(person)],
        name=[_official(person.name)],
        telecom=_telephones(person.telephones, "home") + _telephones(person.current_telephones, "temp"),
        gender=person.gender,
        birthDate=person.birth_date.isoformat(),
        address=_addresses(person.address, "home") + _addresses(person.current_address, "temp"),
    )


def _nhs_number(person: Patient) -> Resource:
    # FHIR-PDS-10 and decision 18
    status = "01" if person.nhs_number_verified else "02"
    display = systems.NHS_NUMBER_STATUSES[status]
    coding = [{"system": systems.NHS_NUMBER_STATUS, "code": status, "display": display}]
    extension = {"url": systems.NHS_NUMBER_STATUS_EXTENSION, "valueCodeableConcept": {"coding": coding}}
    return {"extension": [extension], "system": systems.NHS_NUMBER, "value": person.nhs_number}


def _official(name: PersonName) -> Resource:
    return present(
        use="official",
        family=name.family,
        given=[given for given in name.given if given],
        prefix=[name.prefix] if name.prefix else [],
    )


def _telephones(numbers: tuple[str | None, ...], use: str) -> list[Resource]:
    return [{"system": "phone", "value": number, "use": use} for number in numbers if number]


def _addresses(address: Address | None, use: str) -> list[Resource]:
    if address is None:
        return []
    lines = [line for line in address.lines if line]
    return [present(use=use, line=lines, postalCode=address.postcode)] if lines or address.postcode else []
