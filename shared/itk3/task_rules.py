"""The rows of the table for the Task payload of GP Connect Messaging 1.2.0.

Structure (step 8): what is missing or unreadable is 20009, a document that is not taken 20004 or 20005.
Business (step 9): a value other than the fixed one is 10008. Then whether we are the practice it is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from shared.itk3 import demographics, document_rules, systems
from shared.itk3.document_rules import task_rule
from shared.itk3.element import Element
from shared.itk3.envelope import identifier, ods_code
from shared.itk3.primitives import read_date, read_instant
from shared.itk3.rule import Case, Predicate, Rule
from shared.itk3.task_read import TaskView

_GENDERS: Final = ("male", "female", "other", "unknown")


def _patient(check: Callable[[Element], object]) -> Predicate:
    return task_rule(lambda view: view.patient is None or check(view.patient))


def _practitioner(check: Callable[[Element], object]) -> Predicate:
    return task_rule(lambda view: view.practitioner is None or check(view.practitioner))


def _practices(check: Callable[[Element], object]) -> Predicate:
    return task_rule(lambda view: all(practice is None or check(practice) for practice in (view.sender, view.owner)))


def _describes_a_report(view: TaskView) -> bool:
    # the rest of the format is the sender's; decision 23 takes a description without a version
    return not view.description or bool(
        re.match(r"\s*Federated consultation report for\s+\S", view.description, re.IGNORECASE)
    )


def _owner_is_us(case: Case) -> bool:
    code = ods_code(case.view.owner) if isinstance(case.view, TaskView) else None
    return code is None or code == case.context.ods_code.upper()


STRUCTURE: Final = (
    Rule(
        *("one-patient", "GPCM-SD-005", "20009", "structure"),
        "The payload bundle must have exactly one Patient",
        task_rule(lambda view: len(view.bundle.of_type("Patient")) == 1),
    ),
    Rule(
        *("task-for", "GPCM-SD-019", "20009", "required"),
        "Task.for must refer to the Patient of the payload bundle",
        task_rule(lambda view: view.patient),
    ),
    Rule(
        *("task-agent", "GPCM-SD-021", "20009", "required"),
        "Task.requester.agent must refer to a Practitioner of the payload bundle",
        task_rule(lambda view: view.practitioner),
    ),
    Rule(
        *("task-on-behalf-of", "GPCM-SD-022", "20009", "required"),
        "Task.requester.onBehalfOf must refer to an Organization of the payload bundle",
        task_rule(lambda view: view.sender),
    ),
    Rule(
        *("task-owner", "GPCM-SD-023", "20009", "required"),
        "Task.owner must refer to an Organization of the payload bundle",
        task_rule(lambda view: view.owner),
    ),
    Rule(
        *("task-description", "GPCM-SD-018", "20009", "required"),
        "Task.description must be present",
        task_rule(lambda view: view.description),
    ),
    Rule(
        *("task-authored-on", "GPCM-SD-020", "20009", "value"),
        "Task.authoredOn must be a date and time with a zone",
        task_rule(lambda view: read_instant(view.task.text("authoredOn"))),
    ),
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
        "Both Organizations of the Task must have one ODS code",
        _practices(ods_code),
    ),
    Rule(
        *("organization-name", "GPCM-SD-030", "20009", "required"),
        "Both Organizations of the Task must have a name",
        _practices(lambda practice: practice.text("name")),
    ),
    Rule(
        *("organization-telephone", "GPCM-SD-031", "20009", "required"),
        "Both Organizations of the Task must have a telephone number",
        _practices(demographics.telephone),
    ),
    *document_rules.STRUCTURE,
)

BUSINESS: Final = (
    Rule(
        *("task-intent", "GPCM-SD-015", "10008", "processing"),
        "Task.intent must be plan",
        task_rule(lambda view: view.task.text("intent") == "plan"),
    ),
    Rule(
        *("task-status", "GPCM-SD-016", "10008", "processing"),
        "Task.status must be requested",
        task_rule(lambda view: view.task.text("status") == "requested"),
    ),
    Rule(
        # the requirement's 10006 was withdrawn: decision 5
        *("task-priority", "GPCM-SD-017", "10008", "processing"),
        "Task.priority must be routine",
        task_rule(lambda view: view.task.text("priority") == "routine"),
    ),
    Rule(
        *("description-format", "GPCM-SD-018", "10008", "processing"),
        "Task.description must begin with Federated consultation report for",
        task_rule(_describes_a_report),
    ),
    *document_rules.BUSINESS,
    Rule(
        *("owner", "GPCM-SD-023", "20010", "not-found"),
        "Task.owner is not a practice that this mailbox receives for",
        _owner_is_us,
    ),
)
