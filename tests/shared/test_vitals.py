"""A job is late when it has not succeeded for its time; a daemon is stuck when nothing in it moves."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from shared.vitals import Vitals
from tests.fakes.clock import MovableClock

EVERY = timedelta(minutes=5)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def vitals(clock: MovableClock) -> Vitals:
    vitals = Vitals(clock)
    vitals.expect("collect", EVERY)
    return vitals


def test_a_job_that_succeeds_at_its_interval_is_never_late(vitals: Vitals, clock: MovableClock) -> None:
    for _ in range(10):
        vitals.began("collect")
        vitals.ended("collect", well=True)
        clock.move(EVERY)

    assert vitals.late() == []
    assert vitals.jobs()["collect"].succeeded == 10


def test_a_job_that_only_fails_is_late_after_three_intervals_and_a_quarter_of_an_hour(
    vitals: Vitals, clock: MovableClock
) -> None:
    clock.move(timedelta(minutes=30))
    vitals.began("collect")
    vitals.ended("collect", well=False)
    in_time = vitals.late()
    clock.move(timedelta(seconds=1))

    assert (in_time, vitals.late()) == ([], ["collect"])
    assert vitals.jobs()["collect"].failed == 1


def test_a_step_that_runs_for_an_hour_without_a_sign_of_life_is_stuck(vitals: Vitals, clock: MovableClock) -> None:
    vitals.began("collect")
    clock.move(timedelta(hours=1, seconds=1))

    assert vitals.stuck()


def test_a_long_step_that_hears_from_mesh_is_not_stuck(vitals: Vitals, clock: MovableClock) -> None:
    vitals.began("collect")
    clock.move(timedelta(hours=3))
    vitals.progressed()

    assert not vitals.stuck()


def test_a_step_that_hangs_is_stuck_although_another_job_hears_from_mesh(vitals: Vitals, clock: MovableClock) -> None:
    vitals.expect("send", EVERY)
    vitals.began("send")

    def poll() -> None:
        for _ in range(13):
            clock.move(EVERY)
            vitals.began("collect")
            vitals.progressed()
            vitals.ended("collect", well=True)

    polling = threading.Thread(target=poll)
    polling.start()
    polling.join()

    assert vitals.stuck()


def test_an_answer_outside_of_any_step_is_no_sign_of_life_of_a_job(vitals: Vitals, clock: MovableClock) -> None:
    vitals.began("collect")
    vitals.ended("collect", well=True)

    vitals.progressed()

    assert (vitals.jobs()["collect"].running_since, vitals.stuck()) == (None, False)


def test_a_daemon_between_two_steps_is_not_stuck(vitals: Vitals, clock: MovableClock) -> None:
    vitals.began("collect")
    vitals.ended("collect", well=True)
    clock.move(timedelta(days=1))

    assert not vitals.stuck()


def test_a_job_that_nobody_expects_is_nobodys_concern(vitals: Vitals) -> None:
    vitals.began("mend")
    vitals.ended("mend", well=False)

    assert set(vitals.jobs()) == {"collect"}
