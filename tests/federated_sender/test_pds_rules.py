"""What PDS's record means for a report."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from federated_sender.pds_record import NotOnPds, PdsRecord, read_record
from federated_sender.pds_rules import Held, Registration, decide, differences
from shared.errors import InvalidConsultation
from tests.fakes.pds_server import patient, practice
from tests.federated_sender.reports import consultation

TODAY = date(2026, 11, 20)


def record(*practices: dict[str, Any], **changes: Any) -> PdsRecord:
    return read_record(json.dumps(patient("9690937278", *practices, **changes)).encode())


def known(**changes: Any):
    return consultation(patient=changes).patient


def held(answer: PdsRecord, **changes: Any) -> Held:
    found = decide(answer, known(**changes), TODAY)
    assert isinstance(found, Held)
    return found


@pytest.mark.requirement("GPCM-SD-084")
def test_pds_says_the_registered_practice_whatever_the_row_says() -> None:
    found = decide(record(practice("C83003")), known(registered_practice_ods_code="B82002"), TODAY)

    assert found == Registration("C83003")


@pytest.mark.requirement("GPCM-SD-084")
@pytest.mark.parametrize("order", [1, -1])
def test_of_several_practices_the_one_counts_whose_period_holds_today(order: int) -> None:
    moved = [
        practice("C83003", "2010-01-01", "2019-12-31"),
        practice("B82002", "2020-01-01"),
        practice("D84004", "2027-01-01"),
    ]

    assert decide(record(*moved[::order]), known(), TODAY) == Registration("B82002")


def test_on_the_day_of_a_change_the_practice_that_begins_later_counts() -> None:
    moved = [practice("B82002", "2026-11-20"), practice("C83003", "2010-01-01", "2026-11-20")]

    assert decide(record(*moved), known(), TODAY) == Registration("B82002")


@pytest.mark.parametrize(
    "practices",
    [
        [practice("B82002", "2010-01-01", "2026-11-19")],
        [practice("B82002", "2026-11-21")],
        # nobody can say which of them it is
        [practice("B82002", "2020-01-01"), practice("C83003", "2020-01-01")],
    ],
)
def test_without_one_practice_today_the_report_is_held(practices: list[dict[str, Any]]) -> None:
    found = held(record(*practices))

    assert (found.reason, found.alert.kind) == ("pds_no_practice", "pds_no_practice")
    assert "route CONSULTATION_ID --practice ODS" in found.alert.action


def test_a_patient_who_is_nowhere_registered_holds_the_report() -> None:
    assert held(record(generalPractitioner=None)).reason == "pds_no_practice"


@pytest.mark.requirement("FHIR-PDS-03")
@pytest.mark.parametrize("code", ["R", "V"])
def test_a_restricted_record_holds_the_report_until_a_person_names_the_practice(code: str) -> None:
    found = held(record(meta={"security": [{"code": code}]}, generalPractitioner=None))

    assert (found.reason, found.alert.kind) == ("pds_restricted", "pds_restricted")
    assert "route CONSULTATION_ID --practice ODS" in found.alert.action


def test_a_superseded_number_holds_the_report_under_either_number() -> None:
    found = held(record(id="9434765919"))

    assert (found.reason, found.alert.kind) == ("pds_superseded", "pds_superseded")
    assert "9434765919" not in repr(found)


def test_a_report_about_a_deceased_patient_is_still_sent() -> None:
    assert decide(record(deceasedDateTime="2026-11-18T00:00:00+00:00"), known(), TODAY) == Registration("B82002")


@pytest.mark.requirement("FHIR-PDS-05", "FHIR-PDS-06")
@pytest.mark.parametrize("code", ["INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND", "INVALIDATED_RESOURCE"])
def test_a_number_that_pds_has_no_record_of_makes_the_consultation_invalid(code: str) -> None:
    with pytest.raises(InvalidConsultation) as caught:
        decide(NotOnPds(code), known(), TODAY)

    (fault,) = caught.value.faults
    assert (fault.where, fault.rule) == ("patient.nhs_number", f"is none that PDS has a record of ({code})")


@pytest.mark.requirement("FHIR-PDS-01")
@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"birth_date": "1957-01-10"}, ["birth date"]),
        ({"family": "Smythe"}, ["surname"]),
        ({"family": "Smythe", "birth_date": "1957-09-01", "gender": "female"}, ["birth date", "surname", "gender"]),
    ],
)
def test_another_birth_date_or_surname_holds_the_report_and_the_alert_names_facts_without_values(
    changes: dict[str, str], names: list[str]
) -> None:
    found = held(record(), **changes)

    assert (found.reason, found.alert.kind) == ("pds_demographics", "pds_demographics_differ")
    assert f"the patient's {' and '.join(names)}." in found.alert.text
    assert not any(value in repr(found) for value in ("Smith", "Smythe", "1957", "female"))


@pytest.mark.requirement("FHIR-PDS-01")
def test_another_gender_alone_is_told_and_the_report_is_sent() -> None:
    found = decide(record(gender="female"), known(), TODAY)

    assert isinstance(found, Registration)
    assert found.ods_code == "B82002"
    assert found.note is not None
    assert (found.note.kind, "gender" in found.note.text) == ("pds_demographics_differ", True)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("Smith", "SMITH"), ("Müller", "Muller"), ("O\u2019Brien", "O'Brien"), ("  Van  Dyke ", "van dyke"), ("李", "李")],
)
def test_surnames_are_compared_as_mesh_compares_them(ours: str, theirs: str) -> None:
    there = record(name=[{"use": "usual", "family": theirs}])

    assert differences(there, known(family=ours), TODAY) == ()


def test_a_surname_without_latin_letters_is_not_just_any_other_one() -> None:
    there = record(name=[{"use": "usual", "family": "王"}])

    assert differences(there, known(family="李"), TODAY) == ("surname",)


def test_the_surname_in_use_today_counts_and_an_old_one_only_when_there_is_no_other() -> None:
    former = {"use": "usual", "family": "Jones", "period": {"end": "2025-12-31"}}
    present = {"use": "usual", "family": "Smith", "period": {"start": "2026-01-01"}}

    assert differences(record(name=[former, present]), known(), TODAY) == ()
    assert differences(record(name=[former, present]), known(family="Jones"), TODAY) == ("surname",)
    assert differences(record(name=[former]), known(family="Jones"), TODAY) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None, "birthDate": None, "gender": None},
        {"birthDate": "1957"},
        {"birthDate": "1957-01"},
        {"gender": "unknown"},
    ],
)
def test_what_pds_does_not_know_does_not_differ(changes: dict[str, Any]) -> None:
    assert differences(record(**changes), known(), TODAY) == ()


def test_a_gender_that_the_row_does_not_know_does_not_differ() -> None:
    assert differences(record(), known(gender=None), TODAY) == ()
    assert differences(record(), known(gender="unknown"), TODAY) == ()
