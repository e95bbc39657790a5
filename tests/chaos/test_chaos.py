"""The small form of the experiment, and the test of the test: builds that are broken on purpose are found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.breakages import BREAKAGES
from tests.chaos.experiment import SMALL, conduct, try_broken

SEED = 20_261_122


def test_whatever_breaks_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = conduct(tmp_path, SEED, SMALL)

    with capsys.disabled():
        print("", *outcome.lines(), sep="\n  ")
    assert outcome.faults == []
    assert all(len(names) >= 15 for names in outcome.boundaries.values())
    assert sum(outcome.kills.values()) + outcome.random_kills >= 20


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_build_is_found_out(name: str, tmp_path: Path) -> None:
    assert try_broken(tmp_path, name) != []
