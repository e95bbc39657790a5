"""What cannot be collected is told of once, and taken back when it was collected and acknowledged."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

import federated_sender
from federated_sender.ledger import ALERTS
from shared import log
from shared.db import Database
from shared.errors import MeshRefused
from shared.mesh.inbox import Collected
from shared.uncollected import Uncollected
from tests.fakes.clock import MovableClock

BROKEN = "20261120180000000000_000001"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def stored() -> set[str]:
    """Return the messages that the daemon has."""
    return set()


@pytest.fixture
def uncollected(tmp_path: Path, clock: MovableClock, stored: set[str]) -> Iterator[Uncollected]:
    migrations = Path(federated_sender.__file__).parent / "migrations"
    database = Database(f"sqlite:///{tmp_path}/state.sqlite", schema="federated_sender", migrations=migrations)
    database.migrate()
    yield Uncollected(database, ALERTS, clock, "tester", lambda _session, message_id: message_id in stored)
    database.close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log.configure("debug", "json", "example", stream)
    yield stream
    structlog.reset_defaults()


def failed(message_id: str = BROKEN) -> Collected:
    return Collected(failures=[(message_id, MeshRefused("MESH answered 400"))])


def open_subjects(uncollected: Uncollected) -> list[str]:
    with uncollected.database.snapshot() as session:
        return [alert.subject_id for alert in ALERTS.listing(session) if alert.closed_at is None]


def test_one_alert_stays_open_until_the_message_is_collected_by_whatever_process(
    uncollected: Uncollected, stored: set[str]
) -> None:
    uncollected.note(failed())
    uncollected.note(failed())
    stored.add("another")
    uncollected.note(Collected())
    before = open_subjects(uncollected)

    stored.add(BROKEN)
    uncollected.note(Collected())

    assert (before, open_subjects(uncollected)) == ([BROKEN], [])


@pytest.mark.parametrize(
    ("subject", "ends"), [("IN-20261120-odd", True), ("FAILED-sha256-0123", True), (BROKEN, False)]
)
def test_what_is_named_by_its_files_is_over_when_these_are_gone_and_only_then(
    uncollected: Uncollected, subject: str, ends: bool
) -> None:
    uncollected.note(failed(subject))
    # a round that ended early saw that it is there
    uncollected.note(Collected(listed={subject}))
    before = open_subjects(uncollected)

    uncollected.note(Collected(listed={"another"}))

    assert (before, open_subjects(uncollected)) == ([subject], [] if ends else [subject])


def test_what_is_kept_and_cannot_be_acknowledged_stays_told(uncollected: Uncollected, stored: set[str]) -> None:
    stored.add(BROKEN)
    uncollected.note(failed())
    uncollected.note(failed())

    assert open_subjects(uncollected) == [BROKEN]


def test_it_is_logged_when_it_begins_and_daily_and_anew_after_it_was_over(
    uncollected: Uncollected, stored: set[str], clock: MovableClock, logged: io.StringIO
) -> None:
    counts = []
    for pause in (timedelta(hours=1), timedelta(hours=22), timedelta(hours=1), timedelta(hours=1)):
        uncollected.note(failed())
        counts.append(logged.getvalue().count('"collection.failed"'))
        clock.move(pause)
    uncollected.note(failed())
    daily = logged.getvalue().count('"collection.failed"')
    stored.add(BROKEN)
    uncollected.note(Collected())
    uncollected.note(failed())

    assert (counts, daily) == ([1, 1, 1, 2], 2)
    assert logged.getvalue().count('"collection.failed"') == 3


def test_a_process_that_finds_the_alert_open_does_not_say_it_again(
    uncollected: Uncollected, logged: io.StringIO
) -> None:
    uncollected.note(failed())
    next_process = Uncollected(uncollected.database, ALERTS, uncollected.clock, "tester", uncollected.is_stored)

    next_process.note(failed())

    assert logged.getvalue().count('"collection.failed"') == 1


def test_an_id_of_any_length_is_told_of(uncollected: Uncollected) -> None:
    uncollected.note(failed("X" * 1000))

    assert open_subjects(uncollected) == ["X" * 255]


def test_what_proves_to_be_the_other_daemons_is_not_told_of_any_longer(uncollected: Uncollected) -> None:
    uncollected.note(failed())

    uncollected.note(Collected(left=1, foreign=[BROKEN]))

    assert open_subjects(uncollected) == []
