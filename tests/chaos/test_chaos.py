"""The small form of the experiment, and the test of the test: builds that are broken on purpose are found out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import surgery
from tests.chaos.breakages import BREAKAGES, Breakage
from tests.chaos.checker import Evidence, faults
from tests.chaos.experiment import SMALL, conduct_on, prepare_broken, try_broken
from tests.chaos.nursery import Nursery

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


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Give what all broken builds are born of: each is broken in its own processes only."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def prepared(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("prepared")
    prepare_broken(directory, nursery)
    return directory


@pytest.mark.parametrize("breakage", BREAKAGES, ids=[each.name for each in BREAKAGES])
def test_a_broken_build_is_found_out(breakage: Breakage, tmp_path: Path, nursery: Nursery, prepared: Path) -> None:
    assert try_broken(tmp_path, breakage, nursery, prepared) != []


@pytest.mark.parametrize("breakage", BREAKAGES[:2], ids=[each.daemon for each in BREAKAGES[:2]])
def test_a_sound_build_that_is_killed_in_the_same_way_has_no_fault(
    breakage: Breakage, tmp_path: Path, nursery: Nursery, prepared: Path
) -> None:
    assert try_broken(tmp_path, breakage, nursery, prepared, sound=True) == []


def test_a_report_whose_content_is_gone_is_a_fault_and_does_not_stop_the_checker() -> None:
    consultation = next(surgery.consultations(SEED))
    key = consultation.consultation_id
    report = {"id": 1, "report_id": "r", "consultation_id": key, "version": None, "content": None, "message_id": None}
    report |= {"state": "invalid", "reason": "updated_at: lies in the future"}
    tables = {name: [] for name in ("report_body", "inbox", "timeline", "alert", "message", "message_body", "response")}
    tables |= {name: [] for name in ("task", "task_document", "blob")}

    found = faults(Evidence([], {**tables, "report": [report]}, tables, {key: consultation}, {key: 1}))

    assert f"plain {key} version None is invalid, not delivered" in found
    assert f"the newest version of {key} is not the newest edition" in found
