"""A piece of work is never overlooked, and no job runs twice at once."""

from __future__ import annotations

import threading

import pytest

from shared.rota import Rota


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def rota(stopping: threading.Event) -> Rota:
    return Rota(threading.Lock(), stopping)


@pytest.fixture
def begun() -> list[str]:
    return []


def test_work_begins_a_job_that_has_nothing_to_do_once(rota: Rota, begun: list[str]) -> None:
    rota.wake("reply", begun.append)
    rota.wake("reply", begun.append)

    assert begun == ["reply"]


def test_a_job_that_runs_goes_round_once_more_however_often_it_is_woken(rota: Rota, begun: list[str]) -> None:
    assert rota.begins("reply")
    assert rota.goes_on("reply")

    rota.wake("reply", begun.append)
    rota.wake("reply", begun.append)

    assert begun == []
    assert rota.goes_on("reply")
    assert not rota.goes_on("reply")


def test_what_is_woken_as_it_ends_begins_anew(rota: Rota, begun: list[str]) -> None:
    assert rota.begins("reply")
    assert rota.goes_on("reply")
    assert not rota.goes_on("reply")

    rota.wake("reply", begun.append)

    assert begun == ["reply"]
    assert rota.begins("reply")
    assert rota.goes_on("reply")


def test_jobs_do_not_wait_for_each_other(rota: Rota, begun: list[str]) -> None:
    assert rota.begins("process")

    rota.wake("reply", begun.append)

    assert begun == ["reply"]
    assert rota.begins("reply")


def test_a_job_that_runs_does_not_begin_a_second_time(rota: Rota) -> None:
    assert rota.begins("reply")
    assert not rota.begins("reply")


def test_a_job_that_broke_off_can_be_woken_and_begin_again(rota: Rota, begun: list[str]) -> None:
    assert rota.begins("reply")
    assert rota.goes_on("reply")
    with pytest.raises(SystemExit), rota.broken_off("reply"):
        raise SystemExit

    rota.wake("reply", begun.append)

    assert begun == ["reply"]
    assert rota.begins("reply")


def test_when_the_daemon_stops_nothing_begins_or_goes_on(
    rota: Rota, begun: list[str], stopping: threading.Event
) -> None:
    assert rota.begins("reply")
    stopping.set()

    rota.wake("reply", begun.append)

    assert begun == []
    assert not rota.goes_on("reply")
