"""The small form of the soak, a day; and that what leaks or grows too fast is found out."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos.world import RECEIVER, SENDER
from tests.soak.measure import Growth, Vitals
from tests.soak.processes import DaemonProcess
from tests.soak.soak import SMALL, Measurement, not_as_computed, not_flat, soak

FLAT = Vitals(memory=100, handles=20, threads=4, workers=150)
EMPTY = Measurement(timedelta(0), {}, 0, 0, Growth(size=2, content=0))


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
    first, last = ({SENDER: each} for each in (vitals[0], vitals[-1]))
    begin = Measurement(timedelta(days=1), first, 100, 0, Growth(size=12, content=10))
    return [EMPTY, begin, Measurement(timedelta(days=2), last, 100, pruned, Growth(size=size, content=content))]


@pytest.mark.parametrize(("what", "more"), [("memory", 120), ("handles", 25), ("threads", 7), ("workers", 180)])
def test_what_grows_is_found_out(what: str, more: int) -> None:
    leaking = replace(FLAT, **{what: more})

    assert list(not_flat(measured(FLAT, FLAT))) == []
    assert [each.partition(",")[0] for each in not_flat(measured(FLAT, leaking))] == [
        f"{what} of the {SENDER} grew to {more}"
    ]


def test_a_daemon_that_leaks_is_found_out(tmp_path: Path) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    settings = {
        "STATE_DIRECTORY": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/leaking.sqlite3",
        "PRACTICE_ODS_CODE": "B82002",
        "MESH_URL": "http://127.0.0.1:9",
        "MESH_MAILBOX_ID": "BIRCHMB1",
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": "TestKey",
        "SOAK_LEAK": "on",
    }
    vitals = []

    with (tmp_path / "log").open("w") as log, DaemonProcess(RECEIVER, settings, now, log) as daemon:
        for tick in range(30):
            daemon.tick(now + timedelta(seconds=tick), database_away=True)
            vitals.append(daemon.vitals())

    growing = [Measurement(timedelta(days=1), {RECEIVER: each}, 100, 0, EMPTY.growth) for each in vitals]
    assert [each.partition(" ")[0] for each in not_flat(growing)] == ["memory", "handles", "threads"]


def test_a_database_that_keeps_what_was_pruned_is_found_out() -> None:
    assert list(not_as_computed(measured(FLAT, content=11, size=15, pruned=50))) == []
    assert len(list(not_as_computed(measured(FLAT, content=15, size=18, pruned=50)))) == 1


def test_a_database_whose_files_grow_without_content_is_found_out() -> None:
    assert len(list(not_as_computed(measured(FLAT, size=20)))) == 1
