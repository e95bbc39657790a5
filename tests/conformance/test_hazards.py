"""The hazard log names controls that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOG = (ROOT / "docs" / "clinical-safety.md").read_text(encoding="utf-8")
HAZARDS = re.split(r"^## ", LOG, flags=re.MULTILINE)[1:]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_the_log_has_at_least_fifteen_hazards_each_with_a_number_of_its_own() -> None:
    numbers = [hazard[:3] for hazard in HAZARDS]

    assert len(set(numbers)) == len(numbers) >= 15


@pytest.mark.parametrize("hazard", HAZARDS, ids=[hazard.splitlines()[0] for hazard in HAZARDS])
def test_a_hazard_has_its_parts_and_a_tested_control(hazard: str) -> None:
    parts = re.findall(r"^- \*\*(.+?)\*\*: \S", hazard, flags=re.MULTILINE)

    assert parts == ["Cause", "Effect", "Control", "Left for the practice"]
    assert TEST.search(hazard)


def test_every_test_that_the_log_names_exists() -> None:
    named = set(TEST.findall(LOG))

    missing = [f"{file}::{test}" for file, test in named if f"\ndef {test}(" not in (ROOT / file).read_text()]

    assert named
    assert missing == []
