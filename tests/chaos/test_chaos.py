"""The small form of the experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.experiment import SMALL, conduct_on

SEED = 20_261_122


@pytest.mark.parametrize(("database", "processes"), [("sqlite", 1), ("postgresql", 2)])
def test_whatever_breaks_nothing_is_lost_and_nothing_doubled(
    database: str, processes: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = conduct_on(database, tmp_path, SEED, replace(SMALL, processes=processes))

    with capsys.disabled():
        print("", f"{database}, seed {SEED}", *outcome.lines(SMALL.quota.times), sep="\n  ")
    assert outcome.faults == []
    assert all(len(names) >= 15 for names in outcome.boundaries.values())
    assert outcome.tally.kills >= SMALL.quota.at_least
