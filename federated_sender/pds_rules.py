"""What PDS's record of a patient means for a report: the registered practice, or why a person must decide first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from federated_sender.consultation import Patient
from federated_sender.pds_record import NotOnPds, PdsRecord
from federated_sender.responses import AlertNeed
from shared.errors import Fault, InvalidConsultation
from shared.mesh.folding import fold

_ASK_AGAIN: Final = "`reissue CONSULTATION_ID --reason TEXT` asks again"
_NAME_IT: Final = "name the practice with `route CONSULTATION_ID --practice ODS --reason TEXT`."


@dataclass(frozen=True, slots=True)
class Registration:
    """Where the patient is registered; ``note`` is what a person must know although the report is sent."""

    ods_code: str
    note: AlertNeed | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing is sent until a person acted: the ``reason`` of the state ``invalid`` (decision 39), and the alert."""

    reason: str
    alert: AlertNeed


def decide(answer: PdsRecord | NotOnPds, patient: Patient, today: date) -> Registration | Held:
    """Return the registered practice on ``today``, a day in Europe/London, or why the report is held.

    Raises InvalidConsultation when PDS has no record under the NHS number (FHIR-PDS-05).
    """
    if isinstance(answer, NotOnPds):
        raise InvalidConsultation([Fault("patient.nhs_number", f"is none that PDS has a record of ({answer.code})")])
    if answer.nhs_number != patient.nhs_number:
        return _SUPERSEDED
    if answer.restricted:
        return _RESTRICTED
    practice = _practice_on(answer, today)
    if practice is None:
        return _NO_PRACTICE
    differing = differences(answer, patient, today)
    # MESH traces by number, birth date and surname: with another one it would answer EPL-154
    if {"birth date", "surname"} & set(differing):
        return Held("pds_demographics", _held_for(differing))
    return Registration(practice, _sent_despite(differing) if differing else None)


def _practice_on(record: PdsRecord, today: date) -> str | None:
    """Return the one practice whose period holds today; on a day of change, the one that begins later."""
    current = [practice for practice in record.practices if practice.period.holds(today)]
    newest = max((practice.period.start or "" for practice in current), default="")
    codes = {practice.ods_code for practice in current if (practice.period.start or "") == newest}
    return codes.pop() if len(codes) == 1 else None


def differences(record: PdsRecord, patient: Patient, today: date) -> tuple[str, ...]:
    """Return which of birth date, surname and gender differ; what either side does not know cannot differ."""
    current = [name.family for name in record.names if name.period.holds(today)]
    surnames = {_folded(family) for family in current or [name.family for name in record.names]}
    birth_date, genders = record.birth_date, {record.gender, patient.gender} - {None, "unknown"}
    found = {
        # a date on PDS may lack its day or month
        "birth date": birth_date is not None and not patient.birth_date.isoformat().startswith(birth_date),
        "surname": bool(surnames) and _folded(patient.family) not in surnames,
        "gender": len(genders) == 2,
    }
    return tuple(name for name, differs in found.items() if differs)


def _folded(surname: str) -> str:
    """Return the surname as MESH compares it; one without a Latin spelling as it stands."""
    return (fold(surname) or surname).casefold()


def _held_for(names: Iterable[str]) -> AlertNeed:
    return AlertNeed(
        "pds_demographics_differ",
        f"{_disagreement(names)} The report is held: MESH would not deliver it.",
        "Trace the patient on PDS. Correct the consultation in the clinical system; the row is picked up again by"
        f" itself. Or have PDS corrected; then {_ASK_AGAIN}.",
    )


def _sent_despite(names: Iterable[str]) -> AlertNeed:
    return AlertNeed(
        "pds_demographics_differ",
        f"{_disagreement(names)} The report is sent all the same.",
        "Trace the patient on PDS, and correct whichever is wrong.",
    )


def _disagreement(names: Iterable[str]) -> str:
    return f"The consultation and PDS do not agree about the patient's {' and '.join(names)}."


_SUPERSEDED = Held(
    "pds_superseded",
    AlertNeed(
        "pds_superseded",
        "PDS keeps the patient under another NHS number than the consultation; nothing is sent under either.",
        "Trace the patient on PDS and correct the NHS number in the clinical system;"
        " the row is picked up again by itself.",
    ),
)
_RESTRICTED = Held(
    "pds_restricted",
    AlertNeed(
        "pds_restricted",
        "PDS keeps the patient's record restricted and does not say where the patient is registered.",
        "Follow the practice's rules for restricted records. When the registered practice is known and may have the"
        f" report, {_NAME_IT}",
    ),
)
_NO_PRACTICE = Held(
    "pds_no_practice",
    AlertNeed(
        "pds_no_practice",
        "PDS names no one practice at which the patient is registered today.",
        f"Ask the patient. When PDS names the practice, {_ASK_AGAIN}. Otherwise {_NAME_IT}",
    ),
)

HOLDING_KINDS: Final = (
    "pds_demographics_differ",
    *(held.alert.kind for held in (_SUPERSEDED, _RESTRICTED, _NO_PRACTICE)),
)
"""The kinds of alerts about reports that wait for a person because of what PDS says."""
