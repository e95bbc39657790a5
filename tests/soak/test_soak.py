"""The small form of the soak, a day; and that what leaks or grows too fast is found out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from tests.soak.measure import Growth, Vitals
from tests.soak.soak import SMALL, Measurement, not_as_computed, not_flat, soak

FLAT = Vitals(memory=100, handles=20, threads=4)


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_day_leaves_nothing_behind_and_nothing_unexplained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = soak(tmp_path, SMALL)

    with capsys.disabled():
        sys.stdout.write("\n  ".join(["", *outcome.text(), ""]))
    assert outcome.faults == []
    assert outcome.messages > 2 * outcome.consultations
    assert any(each.pruned for each in outcome.measurements)


def measured(*vitals: Vitals, content: float = 10, size: float = 12, pruned: int = 0) -> list[Measurement]:
    """Return a first day of 100 reports in 10 MB, and a second one."""
    first = Measurement(timedelta(days=1), vitals[0], 100, 0, Growth(size=12, content=10))
    return [first, Measurement(timedelta(days=2), vitals[-1], 100, pruned, Growth(size=size, content=content))]


@pytest.mark.parametrize(("what", "more"), [("memory", 120), ("handles", 25), ("threads", 7)])
def test_what_leaks_is_found_out(what: str, more: int) -> None:
    leaking = replace(FLAT, **{what: more})

    assert list(not_flat(measured(FLAT, FLAT))) == []
    assert list(not_flat(measured(FLAT, leaking))) == [f"{what} grew from {getattr(FLAT, what)} to {more}"]


def test_a_database_that_keeps_what_was_pruned_is_found_out() -> None:
    assert list(not_as_computed(measured(FLAT, content=11, size=15, pruned=50))) == []
    assert len(list(not_as_computed(measured(FLAT, content=15, size=18, pruned=50)))) == 1


def test_a_database_whose_files_grow_without_content_is_found_out() -> None:
    assert len(list(not_as_computed(measured(FLAT, size=20)))) == 1
