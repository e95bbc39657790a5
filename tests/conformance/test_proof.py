"""The list of requirements is whole, and the table is not written for what was not shown."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.docs.conformance import PAGES, Row, page, rows
from tests.conformance.plugin import faults_of
from tests.conformance.requirements import BINDS_OTHERS, DEVIATES, DOCUMENT_REQUIREMENTS, INAPPLICABLE, REQUIREMENTS

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared" / "spec" / "requirements-1.2.0.yml"
CONTENT = REQUIREMENTS["GPCM-SD-015"]
PLAIN = REQUIREMENTS["GPCM-SD-096"]
SHOWN = {"tests/x.py::test_y": frozenset({"passed"})}


def test_every_requirement_of_1_2_0_is_listed_once() -> None:
    wanted = {f"GPCM-SD-{number:03}" for number in range(1, 103)} | {"GPCM-C-01", "GPCM-C-02"}

    assert {identifier for identifier in REQUIREMENTS if identifier.startswith("GPCM")} == wanted
    assert not set(INAPPLICABLE) & set(REQUIREMENTS)


def test_the_list_is_that_of_the_publication_in_words_of_our_own() -> None:
    if not PUBLISHED.exists():
        pytest.skip("skipped: ../shared is not here")
    text = PUBLISHED.read_text(encoding="utf-8")

    assert set(re.findall(r"id: (GPCM-\S+)", text)) <= set(REQUIREMENTS)
    assert [each.id for each in REQUIREMENTS.values() if each.meaning in text] == []


def test_each_deviation_names_a_decision_and_a_reason_and_each_other_bearer_a_reason() -> None:
    for requirement in REQUIREMENTS.values():
        assert bool(requirement.decision) == (requirement.standing == DEVIATES)
        assert requirement.remark or requirement.standing not in (DEVIATES, BINDS_OTHERS)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (Row(PLAIN, {}, ()), "is shown by no test"),
        (Row(PLAIN, {"t": frozenset({"skipped"})}, ()), "is shown by no test"),
        (Row(PLAIN, {"t": frozenset({"passed", "failed"})}, ()), "t failed"),
        (Row(CONTENT, SHOWN, ()), "is broken by no test"),
        (Row(replace(PLAIN, standing=DEVIATES), SHOWN, ()), "deviates without a decision and a reason"),
        (Row(replace(PLAIN, standing=BINDS_OTHERS), SHOWN, ()), "has no reason"),
    ],
)
def test_what_is_not_proved_is_a_problem(row: Row, problem: str) -> None:
    assert row.problems == [problem]


def test_what_is_proved_is_none() -> None:
    assert Row(PLAIN, SHOWN, ()).problems == []
    assert Row(CONTENT, SHOWN, (("intent is order", "check"),)).problems == []
    assert Row(REQUIREMENTS["GPCM-SD-089"], {}, ()).problems == []


def test_a_test_shows_known_requirements_and_at_most_five() -> None:
    five = list(REQUIREMENTS)[:5]

    assert faults_of(five) == []
    assert len(faults_of([*five, "GPCM-C-01", "GPCM-SD-999"])) == 2


def test_the_table_joins_tests_results_and_mutations() -> None:
    shown = [
        {"test": "tests/x.py::test_y", "requirements": [CONTENT.id], "outcome": outcome, "mutation": mutation}
        for outcome, mutation in (
            ("passed", [CONTENT.id, "intent is order", "rule task-intent (10008)"]),
            ("failed", None),
        )
    ]

    (line,) = [line for line in page(rows(shown)).splitlines() if line.startswith(f"| {CONTENT.id} ")]

    assert "`x.py::test_y` **failed**" in line
    assert line.endswith("| intent is order: rule task-intent (10008) |")


def test_a_requirement_of_a_later_version_may_be_shown_by_the_tests_of_1_2_0() -> None:
    same = next(each for each in DOCUMENT_REQUIREMENTS.values() if each.shown_as == "GPCM-SD-094")
    shown = [{"test": "tests/x.py::t", "requirements": ["GPCM-SD-094"], "outcome": "passed", "mutation": None}]

    (row,) = [row for row in rows(shown, PAGES[1]) if row.requirement is same]

    assert row.problems == []
    assert f"| {same.id} |" in page([row], PAGES[1])
    assert "conforms, as GPCM-SD-094" in page([row], PAGES[1])


def test_a_later_version_names_requirements_of_1_2_0_alone_and_puts_its_own_number_in_front() -> None:
    assert {each.shown_as for each in DOCUMENT_REQUIREMENTS.values() if each.shown_as} <= set(REQUIREMENTS)
    assert {identifier.partition("/")[0] for identifier in DOCUMENT_REQUIREMENTS} == {"1.3", "2.0"}


def test_the_assessment_list_has_its_48_rows() -> None:
    listed = [identifier for identifier in DOCUMENT_REQUIREMENTS if identifier.startswith("2.0/GPCM")]

    assert len(listed) == 48


def test_the_tables_that_are_kept_have_a_row_for_each_requirement() -> None:
    kept = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    of_documents = (ROOT / "docs" / "conformance-documents.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| ((?:GPCM|FHIR|RC)-\S+) ", kept, flags=re.MULTILINE) == [*REQUIREMENTS, *INAPPLICABLE]
    assert re.findall(r"^\| ([12]\.\d/\S+) ", of_documents, flags=re.MULTILINE) == [*DOCUMENT_REQUIREMENTS]
