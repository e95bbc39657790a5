from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from registered_receiver.matching import (
    Agreement,
    Candidate,
    Decision,
    Found,
    IndexedPatient,
    Match,
    NearMiss,
    NotFound,
    PatientFacts,
    agreements,
    decided,
    match,
    reason,
    settle,
    standing_code,
)

TODAY = date(2026, 11, 20)
BORN = date(1957, 1, 9)
FACTS = PatientFacts("9690937278", "Smith", "Richard", BORN)
SMITH = IndexedPatient("9690937278", "Smith", "Richard", BORN, "registered")
OTHER = "9690937286"


def outcome(*patients: IndexedPatient) -> Match:
    return match(FACTS, patients, TODAY)


@pytest.mark.parametrize(
    ("number", "born", "family", "expected"),
    [
        (True, True, True, Found),
        (True, True, False, NearMiss),
        (True, False, True, NearMiss),
        (True, False, False, NearMiss),
        (False, True, True, NearMiss),
        (False, True, False, NotFound),
        (False, False, True, NotFound),
        (False, False, False, NotFound),
    ],
)
def test_number_birth_date_and_family_name_decide_together(
    number: bool, born: bool, family: bool, expected: type[Match]
) -> None:
    patient = replace(
        SMITH,
        nhs_number=SMITH.nhs_number if number else OTHER,
        birth_date=BORN if born else date(1957, 9, 1),
        family="SMITH" if family else "Jones",
    )

    assert isinstance(outcome(patient), expected)


def test_the_given_name_is_never_compared() -> None:
    found = outcome(replace(SMITH, given="Henrietta"))

    assert found == Found(replace(SMITH, given="Henrietta"), "30001")


def test_a_full_match_is_not_put_in_doubt_by_somebody_of_the_same_name_and_birth_date() -> None:
    found = outcome(replace(SMITH, nhs_number=OTHER), SMITH)

    assert found == Found(SMITH, "30001")


def test_every_candidate_is_shown_with_what_agrees_and_whoever_has_the_number_comes_first() -> None:
    namesake = replace(SMITH, nhs_number="9434765919")
    owner = replace(SMITH, family="Jones")

    found = outcome(namesake, owner)

    assert isinstance(found, NearMiss)
    assert [candidate.patient for candidate in found.candidates] == [owner, namesake]
    assert found.candidates[0].agreements == (Agreement.NHS_NUMBER, Agreement.BIRTH_DATE)
    assert found.candidates[1].agreements == (Agreement.BIRTH_DATE, Agreement.FAMILY)


def test_nobody_in_the_index_is_nobody_found() -> None:
    assert outcome() == NotFound()


def test_agreements_name_facts_and_not_values() -> None:
    assert agreements(FACTS, SMITH) == tuple(Agreement)
    assert "Smith" not in repr(FACTS)
    assert "9690937278" not in repr(SMITH)


@pytest.mark.requirement("GPCM-SD-040", "FHIR-RR-02")
@pytest.mark.parametrize(
    ("status", "left_on", "died_on", "code"),
    [
        ("registered", None, None, "30001"),
        ("registered", date(2026, 11, 21), None, "30001"),
        ("registered", date(2026, 11, 20), None, "30003"),
        ("left", None, None, "30003"),
        ("left", date(2026, 11, 20), None, "30003"),
        ("left", date(2026, 11, 21), None, "30001"),
        ("deceased", None, None, "30004"),
        ("deceased", None, date(2026, 11, 20), "30004"),
        ("deceased", None, date(2026, 11, 21), "30001"),
        ("deceased", None, date(2026, 5, 21), "30004"),
        ("deceased", None, date(2026, 5, 20), "30003"),
        ("deceased", date(2026, 11, 1), date(2026, 10, 1), "30004"),
        ("deceased", date(2026, 9, 1), date(2026, 10, 1), "30003"),
        ("left", date(2020, 1, 1), date(2026, 10, 1), "30003"),
    ],
)
def test_the_business_code_follows_from_how_the_patient_stands_here_today(
    status: str, left_on: date | None, died_on: date | None, code: str
) -> None:
    patient = replace(SMITH, status=status, left_on=left_on, died_on=died_on)

    assert standing_code(patient, TODAY) == code


def test_six_months_are_calendar_months() -> None:
    died = replace(SMITH, status="deceased", died_on=date(2026, 8, 31))

    assert standing_code(died, date(2027, 2, 27)) == "30004"
    assert standing_code(died, date(2027, 2, 28)) == "30003"


def test_somebody_of_whom_it_is_only_known_that_they_left_and_died_was_not_registered_at_death() -> None:
    gone = replace(SMITH, status="left", died_on=date(2026, 10, 1))

    assert standing_code(gone, TODAY) == "30003"


NEAR = outcome(replace(SMITH, family="Jones"))
ASSUMED = Candidate(replace(SMITH, family="Jones"), (Agreement.NHS_NUMBER, Agreement.BIRTH_DATE))
CHOSEN = Found(SMITH, "30001", tuple(Agreement), "r1")


@pytest.mark.parametrize(
    ("found", "decision", "review", "expected"),
    [
        (NEAR, None, True, NEAR),
        (NEAR, None, False, NotFound(near=(ASSUMED,))),
        (NEAR, Decision(SMITH, "r1"), True, CHOSEN),
        (NEAR, Decision(SMITH, "r1"), False, CHOSEN),
        (NEAR, Decision(None, "r1"), True, NotFound(decided_in="r1")),
        (NotFound(), None, True, NotFound()),
        (NotFound(), Decision(SMITH, "r1"), True, CHOSEN),
        (Found(SMITH, "30001"), Decision(None, "r1"), True, Found(SMITH, "30001")),
    ],
)
def test_a_persons_decision_stands_where_the_rules_leave_a_doubt(
    found: Match, decision: Decision | None, review: bool, expected: Match
) -> None:
    assert settle(FACTS, found, decision, TODAY, review=review) == expected


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (outcome(SMITH), "NHS number, birth date and family name agree"),
        (NEAR, "candidate 1: NHS number and birth date agree"),
        (
            outcome(replace(SMITH, family="Jones", birth_date=TODAY), replace(SMITH, nhs_number=OTHER)),
            "candidate 1: NHS number agrees; candidate 2: birth date and family name agree",
        ),
        (outcome(), "nobody has the NHS number, nor the birth date and family name"),
        (
            settle(FACTS, NEAR, None, TODAY, review=False),
            "near misses are not reviewed; candidate 1: NHS number and birth date agree",
        ),
        (
            decided(FACTS, Decision(replace(SMITH, family="Jones"), "r1"), TODAY),
            "a person decided in review r1; NHS number and birth date agree",
        ),
        (
            decided(FACTS, Decision(replace(SMITH, nhs_number=OTHER, family="Jones", birth_date=TODAY), "r1"), TODAY),
            "a person decided in review r1; no fact agrees",
        ),
        (decided(FACTS, Decision(None, "r1"), TODAY), "a person decided in review r1; nobody here is meant"),
    ],
)
def test_the_reason_names_the_facts_that_agree_and_no_value(found: Match, words: str) -> None:
    assert reason(found) == words
