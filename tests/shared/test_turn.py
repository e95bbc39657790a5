"""One process at a time looks into a mailbox, and nobody has to give the turn back for another to get it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

import federated_sender
from federated_sender.tables import Poller
from shared.db import Database
from shared.turn import LEASE, Turn
from tests.fakes.clock import MovableClock
from tests.fakes.databases import migrate


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrations = Path(federated_sender.__file__).parent / "migrations"
    database = Database(database_url, schema="federated_sender", migrations=migrations)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def one(database: Database, clock: MovableClock) -> Turn:
    return Turn(database, Poller, clock)


@pytest.fixture
def other(database: Database, clock: MovableClock) -> Turn:
    return Turn(database, Poller, clock)


def test_the_turn_is_one_processs_until_it_is_given_back(one: Turn, other: Turn) -> None:
    taken = [one.take(), other.take(), one.take()]

    one.give_back()

    assert taken == [True, False, True]
    assert other.take()
    assert not one.take()


def test_of_many_that_ask_at_the_same_moment_one_gets_the_turn(database: Database, clock: MovableClock) -> None:
    turns = [Turn(database, Poller, clock) for _ in range(6)]

    with ThreadPoolExecutor(len(turns)) as pool:
        taken = list(pool.map(Turn.take, turns))

    assert taken.count(True) == 1


def test_the_turn_of_a_process_that_died_is_free_when_its_lease_is_over(
    one: Turn, other: Turn, clock: MovableClock
) -> None:
    one.take()
    clock.move(LEASE - timedelta(seconds=1))
    too_early = other.take()

    clock.move(timedelta(seconds=1))

    assert (too_early, other.take()) == (False, True)


def test_a_long_round_keeps_the_turn_as_long_as_it_gets_on(one: Turn, other: Turn, clock: MovableClock) -> None:
    one.take()

    for _ in range(10):
        clock.move(timedelta(minutes=1))
        assert not one.is_over()

    assert not other.take()


def test_a_process_that_was_too_slow_learns_that_its_turn_is_over(one: Turn, other: Turn, clock: MovableClock) -> None:
    one.take()
    clock.move(timedelta(minutes=5))
    other.take()

    assert one.is_over()
    one.give_back()
    assert not Turn(other.database, Poller, clock).take()


def test_a_clock_that_was_set_back_ends_no_turn(one: Turn, clock: MovableClock) -> None:
    one.take()

    clock.move(timedelta(minutes=-10))

    assert not one.is_over()


@pytest.mark.parametrize(("ahead", "free"), [(timedelta(seconds=90), False), (timedelta(hours=9), True)])
def test_the_turn_of_a_process_whose_clock_was_far_ahead_is_free(
    one: Turn, other: Turn, clock: MovableClock, ahead: timedelta, free: bool
) -> None:
    clock.move(ahead)
    one.take()

    clock.move(-ahead)

    assert other.take() is free


def test_where_the_database_is_away_the_turn_ends_by_itself(
    one: Turn, other: Turn, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.take()
    with monkeypatch.context() as away:
        away.setattr(one.database.engine.dialect, "do_begin", _fail)
        one.give_back()

    clock.move(LEASE)

    assert other.take()


def _fail(_connection: object) -> None:
    raise OperationalError("BEGIN", {}, Exception("away"))
