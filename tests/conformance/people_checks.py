"""Checks of practices, clinician and patient: GPCM-SD-028 to 037."""

from __future__ import annotations

from tests.conformance.checks import (
    NUMBER,
    ORGANIZATION,
    PATIENT,
    PRACTITIONER,
    REGISTERED_AT,
    SEEN_AT,
    Check,
    agree,
    official_name,
    shows_in,
    value,
)
from tests.conformance.specimen import ALDER, BIRCH, Specimen

CHECKS: dict[str, Check] = {}
shows = shows_in(CHECKS)


def _both(child: str, seen_at: str, registered_at: str) -> Check:
    return agree(value(f"{SEEN_AT}/{child}", seen_at), value(f"{REGISTERED_AT}/{child}", registered_at))


_ODS = "f:identifier[f:system/@value='https://fhir.nhs.uk/Id/ods-organization-code']/f:value"
_PHONE = "f:telecom[f:system/@value='phone']/f:value"
shows("GPCM-SD-028")(lambda sent: set(sent.values(f"{ORGANIZATION}/{_ODS}")) == {ALDER.ods_code, BIRCH.ods_code})
shows("GPCM-SD-029")(_both(_ODS, ALDER.ods_code, BIRCH.ods_code))
shows("GPCM-SD-030")(_both("f:name", ALDER.name, BIRCH.name))
shows("GPCM-SD-031")(_both(_PHONE, ALDER.telephone, BIRCH.telephone))
shows("GPCM-SD-032")(
    value(
        f"{PRACTITIONER}/f:identifier[f:system/@value='https://fhir.nhs.uk/Id/sds-user-id']/f:value",
        lambda made: made.consultation.practitioner.sds_user_id,
    )
)
shows("GPCM-SD-033")(official_name(PRACTITIONER, lambda made: made.consultation.practitioner))
shows("GPCM-SD-036")(official_name(PATIENT, lambda made: made.consultation.patient))
shows("GPCM-SD-037")(value(f"{PATIENT}/f:birthDate", lambda made: made.consultation.patient.birth_date.isoformat()))


@shows("GPCM-SD-034")
def _a_known_telephone_is_there(sent: Specimen) -> bool:
    known = sent.facts.consultation.practitioner.telephone
    return sent.values(f"{PRACTITIONER}/{_PHONE}") == [known] * bool(known)


shows("GPCM-SD-035")(value(f"{NUMBER}/f:value", lambda made: made.consultation.patient.nhs_number))


@shows("FHIR-PDS-06")
def _the_number_is_valid(sent: Specimen) -> bool:
    (number,) = sent.values(f"{NUMBER}/f:value")
    total = sum(int(digit) * weight for digit, weight in zip(str(number), range(10, 1, -1), strict=False))
    return str(number).isdigit() and (11 - total % 11) % 11 == int(str(number)[9])


@shows("FHIR-PDS-10")
def _the_number_says_whether_it_was_verified(sent: Specimen) -> bool:
    wanted = "01" if sent.facts.consultation.patient.nhs_number_verified else "02"
    return sent.values(f"{NUMBER}/f:extension/f:valueCodeableConcept/f:coding/f:code") == [wanted]


@shows("FHIR-PDS-02")
def _an_unverified_number_comes_with_demographics(sent: Specimen) -> bool:
    wanted = (
        "f:name/f:given",
        "f:name/f:family",
        "f:gender",
        "f:birthDate",
        "f:address/f:line",
        "f:address/f:postalCode",
    )
    verified = sent.facts.consultation.patient.nhs_number_verified
    return verified or all(sent.values(f"{PATIENT}/{child}") for child in wanted)
