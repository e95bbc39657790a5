"""Every combination that matching must tell apart, and what follows from it (decisions 19 and 33)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from registered_receiver.matching import (
    Found,
    IndexedPatient,
    Match,
    NearMiss,
    NotFound,
    PatientFacts,
    Status,
    match,
    settle,
)

BORN = date(1957, 1, 9)
SWAPPED = date(1957, 9, 1)
TODAY = date(2026, 11, 20)
FACTS = PatientFacts("9690937278", "O'Brien-Smith", "Richard", BORN)
PATIENT = IndexedPatient("9690937278", "O'Brien-Smith", "Richard", BORN, "registered")
UNKNOWN = "9690937286"
NAMESAKE = replace(PATIENT, nhs_number="9434765919", given="Henrietta")
STRANGER = replace(PATIENT, nhs_number="9990000018", family="Jones")

FAMILY = {"same": "O'Brien-Smith", "folded": "SMITH OBRIÉN", "sounds alike": "O'Bryan-Smyth", "other": "Jones"}

# number found, birth date agrees, family name → with nobody else, with a namesake born on the same day
IDENTITY = {
    (True, True, "same"): (Found, Found),
    (True, True, "folded"): (Found, Found),
    (True, True, "sounds alike"): (NearMiss, NearMiss),
    (True, True, "other"): (NearMiss, NearMiss),
    (True, False, "same"): (NearMiss, NearMiss),
    (True, False, "folded"): (NearMiss, NearMiss),
    (True, False, "sounds alike"): (NearMiss, NearMiss),
    (True, False, "other"): (NearMiss, NearMiss),
    (False, True, "same"): (NearMiss, NearMiss),
    (False, True, "folded"): (NearMiss, NearMiss),
    (False, True, "sounds alike"): (NotFound, NearMiss),
    (False, True, "other"): (NotFound, NearMiss),
    (False, False, "same"): (NotFound, NearMiss),
    (False, False, "folded"): (NotFound, NearMiss),
    (False, False, "sounds alike"): (NotFound, NearMiss),
    (False, False, "other"): (NotFound, NearMiss),
}

# status, left_on, died_on, today → the business code of somebody who is beyond doubt
STANDING: dict[tuple[Status, date | None, date | None, date], str] = {
    ("registered", None, None, TODAY): "30001",
    ("registered", date(2026, 11, 21), None, TODAY): "30001",
    ("registered", None, date(2026, 11, 21), TODAY): "30001",
    ("registered", date(2026, 11, 20), None, TODAY): "30003",
    ("registered", None, date(2026, 11, 20), TODAY): "30004",
    ("left", None, None, TODAY): "30003",
    ("left", date(2026, 11, 19), None, TODAY): "30003",
    ("left", date(2026, 11, 20), None, TODAY): "30003",
    ("left", date(2026, 11, 21), None, TODAY): "30001",
    ("left", None, date(2026, 11, 1), TODAY): "30003",
    ("left", date(2026, 10, 1), date(2026, 11, 1), TODAY): "30003",
    ("deceased", None, None, TODAY): "30004",
    ("deceased", None, date(2026, 11, 20), TODAY): "30004",
    ("deceased", None, date(2026, 11, 21), TODAY): "30001",
    ("deceased", None, date(2026, 5, 21), TODAY): "30004",
    ("deceased", None, date(2026, 5, 20), TODAY): "30003",
    ("deceased", None, date(2026, 5, 19), TODAY): "30003",
    ("deceased", date(2026, 9, 1), date(2026, 10, 1), TODAY): "30003",
    ("deceased", date(2026, 10, 1), date(2026, 10, 1), TODAY): "30004",
    ("deceased", date(2026, 11, 1), date(2026, 10, 1), TODAY): "30004",
    ("deceased", date(2026, 11, 1), None, TODAY): "30004",
    # six months after the last of August is the last of February
    ("deceased", None, date(2026, 8, 31), date(2027, 2, 27)): "30004",
    ("deceased", None, date(2026, 8, 31), date(2027, 2, 28)): "30003",
    ("deceased", None, date(2027, 8, 31), date(2028, 2, 28)): "30004",
    ("deceased", None, date(2027, 8, 31), date(2028, 2, 29)): "30003",
    ("deceased", None, date(2028, 2, 29), date(2028, 8, 28)): "30004",
    ("deceased", None, date(2028, 2, 29), date(2028, 8, 29)): "30003",
    ("deceased", None, date(2026, 10, 31), date(2027, 4, 29)): "30004",
    ("deceased", None, date(2026, 10, 31), date(2027, 4, 30)): "30003",
}


def told(found: Match) -> str | None:
    """Return the business code that goes out at once, None when a person is asked first."""
    if isinstance(found, Found):
        return found.code
    return None if isinstance(found, NearMiss) else "30002"


@pytest.mark.requirement("GPCM-SD-040", "FHIR-RR-02")
@pytest.mark.parametrize("review", [True, False], ids=["reviews on", "reviews off"])
@pytest.mark.parametrize("with_namesake", [False, True], ids=["alone", "with a namesake"])
@pytest.mark.parametrize("standing", STANDING, ids=lambda each: "-".join(map(str, each)))
def test_what_becomes_of_a_report_follows_from_these_two_tables(
    standing: tuple[Status, date | None, date | None, date], with_namesake: bool, review: bool
) -> None:
    status, left_on, died_on, today = standing
    for (number, born, family), outcomes in IDENTITY.items():
        patient = IndexedPatient(
            PATIENT.nhs_number if number else UNKNOWN,
            FAMILY[family],
            "Richard",
            BORN if born else SWAPPED,
            status,
            left_on,
            died_on,
        )
        others = [NAMESAKE, STRANGER] if with_namesake else [STRANGER]
        expected = outcomes[with_namesake]
        codes = {Found: STANDING[standing], NearMiss: None if review else "30002", NotFound: "30002"}

        looked_up = match(FACTS, [*others, patient], today)
        found = settle(FACTS, looked_up, None, today, review=review)

        assert (number, born, family, type(looked_up), told(found)) == (
            *(number, born, family),
            *(expected, codes[expected]),
        )


def test_the_tables_have_every_combination() -> None:
    assert set(IDENTITY) == set(product((True, False), (True, False), FAMILY))
    assert {status for status, *_ in STANDING} == {"registered", "left", "deceased"}
    assert set(STANDING.values()) == {"30001", "30003", "30004"}


@pytest.mark.parametrize("known", [True, False], ids=["number known", "number unknown"])
def test_everybody_who_may_be_meant_is_a_candidate_and_nobody_else(known: bool) -> None:
    owner = replace(PATIENT, birth_date=SWAPPED, nhs_number=PATIENT.nhs_number if known else UNKNOWN)
    twin = replace(NAMESAKE, nhs_number="9434765870")

    found = match(FACTS, [STRANGER, twin, owner, NAMESAKE], TODAY)

    assert isinstance(found, NearMiss)
    expected = [owner] * known + sorted([twin, NAMESAKE], key=lambda patient: patient.nhs_number)
    assert [candidate.patient for candidate in found.candidates] == expected
