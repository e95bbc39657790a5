"""Finds the patient a report is about among the practice's patients, with reasons (decisions 19 and 33)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final, Literal

from isodate import Duration

from registered_receiver.names import family_names_agree

KNOWN: Final = "30001"
UNKNOWN: Final = "30002"
NO_LONGER_HERE: Final = "30003"
RECENTLY_DECEASED: Final = "30004"

_RECENT: Final = Duration(months=6)

Status = Literal["registered", "left", "deceased"]


class Agreement(StrEnum):
    """A fact that the report and the patient index have in common."""

    NHS_NUMBER = "nhs_number"
    BIRTH_DATE = "birth_date"
    FAMILY = "family"


_IN_WORDS: Final = {
    Agreement.NHS_NUMBER: "NHS number",
    Agreement.BIRTH_DATE: "birth date",
    Agreement.FAMILY: "family name",
}


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Who the report says the patient is. ``given`` is shown to people and never compared."""

    nhs_number: str = field(repr=False)
    family: str = field(repr=False)
    given: str = field(repr=False)
    birth_date: date = field(repr=False)


@dataclass(frozen=True, slots=True)
class IndexedPatient:
    """A patient as the practice's index has them."""

    nhs_number: str = field(repr=False)
    family: str = field(repr=False)
    given: str = field(repr=False)
    birth_date: date = field(repr=False)
    status: Status = field(repr=False)
    left_on: date | None = field(default=None, repr=False)
    died_on: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient who may be meant, and what speaks for it."""

    patient: IndexedPatient
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The patient is beyond doubt; ``code`` answers for their standing here, ``agreements`` say why it is them.

    ``decided_in`` is the review in which a person chose them, None when the rules did.
    """

    patient: IndexedPatient
    code: str
    agreements: tuple[Agreement, ...] = tuple(Agreement)
    decided_in: str | None = None


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Something agrees and something does not, or several patients fit: a person decides."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class NotFound:
    """Nobody fits, or a person decided so in a review, or there are ``near`` misses and no reviews: 30002."""

    near: tuple[Candidate, ...] = ()
    decided_in: str | None = None


Match = Found | NearMiss | NotFound


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided in a review about a version of the consultation; no ``patient`` is nobody."""

    patient: IndexedPatient | None
    review_id: str


def match(facts: PatientFacts, patients: Sequence[IndexedPatient], today: date) -> Match:
    """Return which of ``patients`` the report is about.

    ``patients`` has everybody with the report's NHS number or its birth date. ``today`` is the date at the practice.
    """
    compared = [Candidate(patient, agreements(facts, patient)) for patient in patients]
    for candidate in compared:
        if len(candidate.agreements) == len(Agreement):
            return Found(candidate.patient, standing_code(candidate.patient, today))
    near = [candidate for candidate in compared if _is_near(candidate)]
    # whoever has the number comes first
    near.sort(key=lambda candidate: (Agreement.NHS_NUMBER not in candidate.agreements, candidate.patient.nhs_number))
    return NearMiss(tuple(near)) if near else NotFound()


def settle(facts: PatientFacts, found: Match, decision: Decision | None, today: date, *, review: bool) -> Match:
    """Return what becomes of a look-up: a person's ``decision`` stands where the rules leave a doubt.

    Without ``review`` nobody is asked, and a near miss is 30002 (decision 33).
    """
    if isinstance(found, Found):
        return found
    if decision is not None:
        return decided(facts, decision, today)
    if isinstance(found, NearMiss) and not review:
        return NotFound(near=found.candidates)
    return found


def decided(facts: PatientFacts, decision: Decision, today: date) -> Match:
    """Return what a person's ``decision`` on a report with these ``facts`` means."""
    patient = decision.patient
    if patient is None:
        return NotFound(decided_in=decision.review_id)
    return Found(patient, standing_code(patient, today), agreements(facts, patient), decision.review_id)


def reason(found: Match) -> str:
    """Return which facts agreed, and which review decided, for the timeline: never a value."""
    decided_in = None if isinstance(found, NearMiss) else found.decided_in
    if isinstance(found, Found):
        text = _agree(found.agreements)
    elif isinstance(found, NearMiss):
        text = _listed(found.candidates)
    elif found.near:
        text = f"near misses are not reviewed; {_listed(found.near)}"
    else:
        text = "nobody here is meant" if decided_in else "nobody has the NHS number, nor the birth date and family name"
    return f"a person decided in review {decided_in}; {text}" if decided_in else text


def agreements(facts: PatientFacts, patient: IndexedPatient) -> tuple[Agreement, ...]:
    """Return which facts the report and an indexed patient have in common."""
    found = {
        Agreement.NHS_NUMBER: facts.nhs_number == patient.nhs_number,
        Agreement.BIRTH_DATE: facts.birth_date == patient.birth_date,
        Agreement.FAMILY: family_names_agree(facts.family, patient.family),
    }
    return tuple(agreement for agreement, agrees in found.items() if agrees)


def standing_code(patient: IndexedPatient, today: date) -> str:
    """Return the business response code for a patient who is beyond doubt.

    A date in the future has not happened yet (decision 33). Recently is less than six calendar months ago; 30004
    asks that the patient was still registered here at death.
    """
    died = _happened(patient.status == "deceased", patient.died_on, today)
    left = _happened(patient.status == "left", patient.left_on, today)
    if died and not _left_before_death(patient):
        recent = patient.died_on is None or today < patient.died_on + _RECENT
        return RECENTLY_DECEASED if recent else NO_LONGER_HERE
    return NO_LONGER_HERE if died or left else KNOWN


def _happened(said: bool, on: date | None, today: date) -> bool:
    return said if on is None else on <= today


def _left_before_death(patient: IndexedPatient) -> bool:
    if patient.left_on is None:
        return patient.status == "left"
    return patient.died_on is not None and patient.left_on < patient.died_on


def _listed(candidates: Sequence[Candidate]) -> str:
    return "; ".join(f"candidate {number}: {_agree(each.agreements)}" for number, each in enumerate(candidates, 1))


def _agree(facts: Sequence[Agreement]) -> str:
    """Return the facts in words: ``NHS number and birth date agree``."""
    names = [_IN_WORDS[fact] for fact in facts]
    if len(names) < 2:
        return f"{names[0]} agrees" if names else "no fact agrees"
    return f"{', '.join(names[:-1])} and {names[-1]} agree"


def _is_near(candidate: Candidate) -> bool:
    by_name = {Agreement.BIRTH_DATE, Agreement.FAMILY} <= set(candidate.agreements)
    return Agreement.NHS_NUMBER in candidate.agreements or by_name
