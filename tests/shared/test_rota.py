"""A piece of work is never overlooked, and no thread runs twice at once."""

from __future__ import annotations

import threading

import pytest

from shared.rota import Rota

THREADS = {"reply": ["reply", "reply-2"]}


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def rota(stopping: threading.Event) -> Rota:
    return Rota(THREADS, threading.Lock(), stopping)


@pytest.fixture
def begun() -> list[str]:
    return []


def test_each_piece_of_work_begins_one_thread_that_has_nothing_to_do(rota: Rota, begun: list[str]) -> None:
    rota.wake("reply", begun.append)
    one = list(begun)
    rota.wake("reply", begun.append)

    assert one == ["reply"]
    assert begun == ["reply", "reply-2"]


def test_a_thread_that_runs_is_left_alone_while_another_has_nothing_to_do(rota: Rota, begun: list[str]) -> None:
    assert rota.begins("reply")
    assert rota.goes_on("reply")

    rota.wake("reply", begun.append)

    assert begun == ["reply-2"]
    assert not rota.goes_on("reply")


def test_while_all_run_each_goes_round_once_more(rota: Rota, begun: list[str]) -> None:
    for name in THREADS["reply"]:
        assert rota.begins(name)
        assert rota.goes_on(name)

    rota.wake("reply", begun.append)

    assert begun == []
    for name in THREADS["reply"]:
        assert rota.goes_on(name)
        assert not rota.goes_on(name)


def test_what_is_woken_as_it_ends_begins_anew(rota: Rota, begun: list[str]) -> None:
    assert rota.begins("reply")
    assert rota.goes_on("reply")
    assert not rota.goes_on("reply")

    rota.wake("reply", begun.append)

    assert begun == ["reply"]
    assert rota.begins("reply")
    assert rota.goes_on("reply")


def test_a_thread_that_runs_does_not_begin_a_second_time(rota: Rota) -> None:
    assert rota.begins("reply")
    assert not rota.begins("reply")


def test_a_thread_that_broke_off_can_be_woken_and_begin_again(rota: Rota, begun: list[str]) -> None:
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
