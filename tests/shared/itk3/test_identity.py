"""Ids follow from what they identify."""

from __future__ import annotations

from uuid import UUID

import pytest

from shared.itk3.identity import derive, report_id, response_id

ARGUMENTS = ("B81001", "2f0b7f6e-61a5-4b0e-9b46-0d4a7a0b7a11", 1, "ab" * 32)


def test_the_same_content_has_the_same_id_for_ever() -> None:
    assert report_id(*ARGUMENTS) == "04f1a764-2ebe-5832-a0c2-e152b260ad44"


@pytest.mark.requirement("FHIR-VER-01")
@pytest.mark.parametrize(
    "other",
    [
        ("B81002", *ARGUMENTS[1:]),
        (ARGUMENTS[0], "other", *ARGUMENTS[2:]),
        (*ARGUMENTS[:2], 2, ARGUMENTS[3]),
        (*ARGUMENTS[:3], "cd" * 32),
    ],
)
def test_other_content_has_another_id(other: tuple[str, str, int, str]) -> None:
    assert report_id(*other) != report_id(*ARGUMENTS)


def test_case_makes_no_difference() -> None:
    assert report_id("b81001", ARGUMENTS[1].upper(), 1, "AB" * 32) == report_id(*ARGUMENTS)


def test_a_response_is_identified_by_what_it_answers_and_its_level() -> None:
    ids = {response_id(message, level) for message in ("a", "b") for level in ("infrastructure", "business")}

    assert len(ids) == 4
    assert response_id("a", "business") in ids


def test_every_id_is_a_name_based_uuid() -> None:
    for identifier in (report_id(*ARGUMENTS), response_id("a", "business"), derive(report_id(*ARGUMENTS), "task")):
        assert UUID(identifier).version == 5


def test_each_role_has_its_own_id() -> None:
    assert derive(report_id(*ARGUMENTS), "task") != derive(report_id(*ARGUMENTS), "patient")
