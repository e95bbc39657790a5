"""The rows of the table for the people and practices of a payload, whichever kind it is: what is missing is 20009."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.itk3 import demographics, systems
from shared.itk3.demographics import PeopleView
from shared.itk3.element import Element
from shared.itk3.envelope import identifier, ods_code
from shared.itk3.primitives import read_date
from shared.itk3.rule import Case, Predicate, Rule

_GENDERS: Final = ("male", "female", "other", "unknown")


def _people(check: Callable[[PeopleView], object]) -> Predicate:
    def holds(case: Case) -> bool:
        return not isinstance(case.view, PeopleView) or bool(check(case.view))

    return holds


def _patient(check: Callable[[Element], object]) -> Predicate:
    return _people(lambda view: view.patient is None or check(view.patient))


def _practitioner(check: Callable[[Element], object]) -> Predicate:
    return _people(lambda view: view.practitioner is None or check(view.practitioner))


def _practices(check: Callable[[Element], object]) -> Predicate:
    return _people(lambda view: all(practice is None or check(practice) for practice in view.practices))


ONE_PATIENT: Final = Rule(
    *("one-patient", "GPCM-SD-005", "20009", "structure"),
    "The payload bundle must have exactly one Patient",
    _people(lambda view: len(view.bundle.of_type("Patient")) == 1),
)

PEOPLE: Final = (
    Rule(
        *("nhs-number", "GPCM-SD-035", "20009", "value"),
        "Patient.identifier must have one NHS number, with a right check digit",
        _patient(demographics.nhs_number),
    ),
    Rule(
        *("nhs-number-status", "FHIR-PDS-10", "20009", "required"),
        "The NHS number of the Patient must have its verification status",
        _patient(demographics.nhs_number_status),
    ),
    Rule(
        *("patient-name", "GPCM-SD-036", "20009", "required"),
        "Patient.name must have one official name, with a family name",
        _patient(demographics.official_name),
    ),
    Rule(
        *("birth-date", "GPCM-SD-037", "20009", "value"),
        "Patient.birthDate must be a date as YYYY-MM-DD",
        _patient(lambda patient: read_date(patient.text("birthDate"))),
    ),
    Rule(
        *("gender", "CareConnect-Patient-1", "20009", "code-invalid"),
        "Patient.gender must be male, female, other or unknown",
        _patient(lambda patient: patient.first("gender") is None or patient.text("gender") in _GENDERS),
    ),
    Rule(
        *("practitioner-id", "GPCM-SD-032", "20009", "required"),
        "Practitioner.identifier must have one SDS user id",
        _practitioner(lambda practitioner: identifier(practitioner, systems.SDS_USER_ID)),
    ),
    Rule(
        *("practitioner-name", "GPCM-SD-033", "20009", "required"),
        "Practitioner.name must have one official name, with a family name",
        _practitioner(demographics.official_name),
    ),
    Rule(
        *("organization-code", "GPCM-SD-029", "20009", "required"),
        "Each Organization of the payload must have one ODS code",
        _practices(ods_code),
    ),
    Rule(
        *("organization-name", "GPCM-SD-030", "20009", "required"),
        "Each Organization of the payload must have a name",
        _practices(lambda practice: practice.text("name")),
    ),
    Rule(
        *("organization-telephone", "GPCM-SD-031", "20009", "required"),
        "Each Organization of the payload must have a telephone number",
        _practices(demographics.telephone),
    ),
)
