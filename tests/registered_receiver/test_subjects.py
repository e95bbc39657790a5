from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from registered_receiver.subjects import doubts, is_confidential, report_version, task_subject
from shared.itk3.build import build_report
from shared.itk3.model import ReceivedReport
from shared.itk3.parse import parse
from shared.itk3.rules import read_report
from tests.registered_receiver.bench import person, report


def received(**changes: object) -> ReceivedReport:
    body = build_report(report(**changes))
    return read_report(parse(body, len(body)))


@pytest.mark.requirement("GPCM-SD-092")
def test_the_worklist_shows_the_mesh_subject() -> None:
    subject = "Federated consultation report for Mr R Smith , NHS Number 9690937278, seen at Alder, ODS Code A81001"

    assert task_subject(subject, received()) == subject


@pytest.mark.requirement("GPCM-SD-092")
@pytest.mark.parametrize("line", ["Bronte  and  two spaces", "Brontë", "=?utf-8?q?Bront=C3=AB?=", "\x9bmoved", "12345"])
def test_the_subject_is_shown_letter_by_letter_as_it_came(line: str) -> None:
    assert task_subject(line, received(patient=person(family="Brontë"))) == line


@pytest.mark.parametrize("subject", [None, "", "   "])
def test_the_description_stands_in_for_a_missing_subject(subject: str | None) -> None:
    assert task_subject(subject, received()) == received().description


@pytest.mark.requirement("GPCM-SD-092")
@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Federated consultation report for X , NHS Number 9690937278, Version 1", True),
        ("Federated consultation report for X , NHS Number 9690937278, seen at Alder, ODS Code A81001", False),
        ("whatever somebody wrote", False),
        (None, False),
    ],
)
def test_a_subject_that_leaves_out_where_the_patient_was_seen_is_confidential(
    subject: str | None, expected: bool
) -> None:
    assert is_confidential(subject, stated=False) is expected
    assert is_confidential(subject, stated=True) is True


@pytest.mark.requirement("GPCM-SD-092")
def test_practice_and_ods_code_of_a_confidential_consultation_are_not_shown() -> None:
    confidential = replace(
        received(),
        confidential=True,
        description="Federated consultation report for X , NHS Number 9690937278, Version 1",
    )

    shown = task_subject(received().description, confidential)

    assert shown == confidential.description
    assert "Alder" not in shown


def test_the_version_comes_from_the_description_else_from_the_subject() -> None:
    unnumbered = replace(received(), version=None)

    assert report_version("…, Version 3", received(version=2)) == 2
    assert report_version("…, Version 3", unnumbered) == 3
    assert report_version("no number here", unnumbered) is None
    assert report_version(None, unnumbered) is None


@pytest.mark.requirement("GPCM-SD-038")
@pytest.mark.parametrize("recipient", ["GPPROVIDER_9690937278_19570109_Smith", "gpprovider_9690937278_09011957_SMITH"])
def test_a_routing_address_of_the_messages_patient_raises_no_doubt(recipient: str) -> None:
    assert doubts(recipient, None, received()) == ()


@pytest.mark.requirement("GPCM-SD-038")
@pytest.mark.parametrize(
    "recipient",
    [
        "GPPROVIDER_9690937286_19570109_Smith",
        "GPPROVIDER_9690937278_19570110_Smith",
        "GPPROVIDER_",
        "GPPROVIDER_9690937278_19570109_Jones",
    ],
)
def test_a_routing_address_of_another_patient_raises_a_doubt_without_values(recipient: str) -> None:
    (doubt,) = doubts(recipient, None, received())

    assert "GPCM-SD-038" in doubt
    assert not any(character.isdigit() for character in doubt.replace("GPCM-SD-038", ""))


def test_a_subject_with_another_nhs_number_raises_a_doubt() -> None:
    assert doubts("BIRCHMB1", "… NHS Number 969 093 7286, …", received()) != ()
    assert doubts("BIRCHMB1", "… NHS Number 969 093 7278, …", received()) == ()
    assert doubts(None, "no number", received()) == ()
    assert doubts(None, None, received(patient=person(birth_date=date(1957, 1, 10)))) == ()
