"""Checks of the ITK3 header and of the MESH headers: GPCM-SD-038 to 049, 056 to 064."""

from __future__ import annotations

import re

from tests.conformance.checks import (
    HEADER,
    ITK,
    MADE_AT,
    NUMBER,
    PATIENT,
    Check,
    agree,
    description,
    is_resource,
    key,
    shows_in,
    value,
)
from tests.conformance.specimen import MAILBOX, WORKFLOW, Specimen

CHECKS: dict[str, Check] = {}
shows = shows_in(CHECKS)


@shows("GPCM-SD-056", "GPCM-SD-060", "GPCM-SD-063")
def _routed_by_the_patient(sent: Specimen) -> bool:
    patient = sent.facts.consultation.patient
    found = re.fullmatch(r"GPPROVIDER_(\d{10})_(\d{8})_([ -~]+)", sent.headers["Mex-To"])
    if found is None or found[1] != patient.nhs_number or found[2] != f"{patient.birth_date:%Y%m%d}":
        return False
    surname = " ".join(patient.family.split())
    return not surname.isascii() or (bool(found[3]) and surname.startswith(found[3]))


@shows("GPCM-SD-038")
def _routed_by_the_patient_in_the_message(sent: Specimen) -> bool:
    (number,), (born,) = sent.values(f"{NUMBER}/f:value"), sent.values(f"{PATIENT}/f:birthDate")
    (family,) = sent.values(f"{PATIENT}/f:name/f:family")
    start = f"GPPROVIDER_{number}_{str(born).replace('-', '')}_"
    address = sent.headers["Mex-To"]
    surname = " ".join(str(family).split())
    return address.startswith(start) and (not surname.isascii() or surname.startswith(address.removeprefix(start)))


# Header: GPCM-SD-039 to 049, and the ITK3 rules behind them

_RECIPIENT = key("RecipientType", "f:valueCoding")
_HEADER_ORGANIZATION = f"{ITK}StructureDefinition/CareConnect-ITK-Header-Organization-1"
shows("GPCM-SD-039", "FHIR-SR-01")(
    agree(value(f"{_RECIPIENT}/f:system", f"{ITK}CodeSystem/ITK-RecipientType-1"), value(f"{_RECIPIENT}/f:code", "FA"))
)
shows("GPCM-SD-040")(value(key("BusAckRequested", "f:valueBoolean"), "true"))
shows("GPCM-SD-041")(value(key("InfAckRequested", "f:valueBoolean"), "true"))
shows("GPCM-SD-042", "FHIR-SR-03")(
    value(key("SenderReference", "f:valueString"), lambda made: str(made.consultation.consultation_id))
)
shows("GPCM-SD-043", "FHIR-SR-05")(
    value(
        key("MessageDefinition", "f:valueReference/f:reference"),
        f"{ITK}MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-Instance-1",
    )
)
shows("GPCM-SD-044", "FHIR-SR-06")(
    value(key("LocalExtension", "f:valueString"), "SendDocument-FederatedConsultationReport")
)
shows("GPCM-SD-045")(
    lambda sent: is_resource(sent.target("/f:Bundle", f"{HEADER}/f:sender"), "Organization", _HEADER_ORGANIZATION)
)
shows("GPCM-SD-046")(value(f"{HEADER}/f:source/f:endpoint", MAILBOX))
shows("GPCM-SD-047")(
    agree(
        value(f"{HEADER}/f:event/f:system", f"{ITK}CodeSystem/ITK-MessageEvent-2"),
        value(f"{HEADER}/f:event/f:code", "ITK007C"),
    )
)
shows("GPCM-SD-048")(value(f"{HEADER}/f:timestamp", MADE_AT))
shows("GPCM-SD-049")(lambda sent: not sent.elements(f"{HEADER}/f:destination | {HEADER}/f:receiver"))

# MESH: GPCM-SD-057 to 064

shows("GPCM-SD-057")(lambda sent: sent.headers["Mex-WorkflowID"] == WORKFLOW)
shows("GPCM-SD-059", "GPCM-SD-062")(lambda sent: sent.headers["Mex-From"] == MAILBOX)


@shows("GPCM-SD-061", "GPCM-SD-064")
def _the_subject_is_the_description(sent: Specimen) -> bool:
    subject, wanted = sent.headers.get("Mex-Subject", ""), " ".join(description(sent.facts).split())
    if wanted.isascii() and len(wanted) <= 500:
        return subject == wanted
    # folded or cut: what is not the name stands as it is
    start, end = "Federated consultation report for ", wanted[wanted.rindex(", NHS Number ") :]
    return subject.startswith(start) and (not end.isascii() or subject.endswith(end)) and len(subject) <= 500
