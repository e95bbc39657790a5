"""Rounds of jobs: what goes wrong is said once and never ends the daemon."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from shared import log
from shared.daemon import Job, Rounds, run_once
from shared.errors import MeshProtocolError, MeshRefused, MeshUnavailable
from shared.outage import Outage
from tests.fakes.clock import MovableClock

EVERY = timedelta(minutes=5)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, object]]]]:
    stream = io.StringIO()
    log.configure("debug", "json", "example", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def rounds(clock: MovableClock) -> Rounds:
    return Rounds(Outage("MESH", clock), Outage("database", clock))


def working(*changes: int | Exception) -> Callable[[], int]:
    """Return a step that gives each of ``changes`` in turn, and 0 afterwards."""
    left = list(changes)

    def step() -> int:
        change = left.pop(0) if left else 0
        if isinstance(change, Exception):
            raise change
        return change

    return step


def test_once_goes_on_until_a_whole_round_changes_nothing(rounds: Rounds) -> None:
    queue: list[str] = []
    done: list[str] = []
    source = working(1, 0, 1)

    def make() -> int:
        if made := source():
            queue.append("work")
        return made

    def take() -> int:
        if not queue:
            return 0
        done.append(queue.pop())
        return 1

    assert run_once([Job("make", make, EVERY, drains=False), Job("take", take, EVERY)], rounds) is True
    assert done == ["work"]


def test_a_job_that_failed_is_not_tried_again_in_the_same_call(
    rounds: Rounds, lines: Callable[[], list[dict[str, object]]]
) -> None:
    calls: list[str] = []

    def fail() -> int:
        calls.append("fail")
        raise MeshUnavailable("MESH cannot be reached")

    reached = run_once([Job("fail", fail, EVERY), Job("work", working(1, 1, 1), EVERY)], rounds)

    assert (reached, calls) == (False, ["fail"])
    assert [line["event"] for line in lines()] == ["outage.began"]


def test_one_line_an_outage_and_one_when_it_is_over(
    rounds: Rounds, clock: MovableClock, lines: Callable[[], list[dict[str, object]]]
) -> None:
    job = Job("collect", working(*[MeshUnavailable("MESH cannot be reached")] * 3), EVERY)
    for _ in range(3):
        rounds.step(job)
        clock.move(timedelta(minutes=5))

    rounds.mesh.over()
    rounds.mesh.over()

    assert [(line["event"], line["level"]) for line in lines()] == [
        ("outage.began", "warning"),
        ("outage.ended", "info"),
    ]
    assert lines()[1]["seconds"] == 900


def test_a_refusal_is_an_error_that_says_so_once(rounds: Rounds, lines: Callable[[], list[dict[str, object]]]) -> None:
    job = Job("collect", working(MeshRefused("no", http_status=403), MeshRefused("no", http_status=403)), EVERY)

    rounds.step(job)
    rounds.step(job)

    assert [(line["event"], line["level"], line["http_status"]) for line in lines()] == [("mesh.refused", "error", 403)]


def test_an_answer_that_is_not_mesh_s_is_an_outage_and_no_refusal(
    rounds: Rounds, lines: Callable[[], list[dict[str, object]]]
) -> None:
    told: list[str | None] = []
    rounds.mesh.on_refusal = lambda text, _job: told.append(text)
    html = MeshProtocolError("the answer of MESH is not JSON", http_status=200)

    rounds.step(Job("collect", working(html), EVERY))

    assert ([(line["event"], line["level"]) for line in lines()], told) == ([("outage.began", "warning")], [])


def test_a_refusal_is_over_when_the_job_that_was_refused_works_again_and_not_before(clock: MovableClock) -> None:
    told: list[tuple[str | None, str]] = []
    mesh = Outage("MESH", clock, on_refusal=lambda text, job: told.append((text, job)))
    rounds = Rounds(mesh, Outage("database", clock))
    allowed: list[bool] = []

    def send() -> int:
        # the handshake before a POST goes well
        mesh.over()
        if not allowed:
            raise MeshRefused("send: MESH answered 403", http_status=403)
        return 1

    def collect() -> int:
        mesh.over()
        return 0

    jobs = [Job("collect", collect, EVERY), Job("send", send, EVERY), Job("follow", lambda: 0, EVERY)]
    for _ in range(3):
        for job in jobs:
            rounds.step(job)
    while_refused = list(told)
    allowed.append(True)
    rounds.step(jobs[1])

    assert while_refused == [(None, "collect"), ("send: MESH answered 403", "send")]
    assert told[2:] == [(None, "send")]


def test_a_database_that_is_away_is_an_outage_of_its_own(
    rounds: Rounds, lines: Callable[[], list[dict[str, object]]]
) -> None:
    away = OperationalError("SELECT 'Smith'", {}, Exception("Smith"))
    job = Job("send", working(away, away, 1), EVERY)

    for _ in range(3):
        rounds.step(job)

    assert [(line["event"], line["of"]) for line in lines()] == [
        ("outage.began", "database"),
        ("outage.ended", "database"),
    ]
    assert "Smith" not in json.dumps(lines())


def test_an_unforeseen_error_is_named_by_class_and_place_and_quotes_nothing(
    rounds: Rounds, lines: Callable[[], list[dict[str, object]]]
) -> None:
    result = rounds.step(Job("send", working(KeyError("Smith")), EVERY))

    (line,) = lines()
    assert result is None
    assert (line["event"], line["job"]) == ("job.failed", "send")
    assert str(line["error"]).startswith("KeyError at test_daemon.py:")
    assert "Smith" not in json.dumps(line)


def test_draining_ends_between_two_pieces_of_work_when_the_daemon_is_to_stop(rounds: Rounds) -> None:
    stopping = threading.Event()
    done: list[int] = []

    def step() -> int:
        done.append(1)
        if len(done) == 2:
            stopping.set()
        return 1

    rounds.drain(Job("send", step, EVERY), stopping.is_set)

    assert len(done) == 2


BEFORE = """
import os, signal, threading
from datetime import timedelta
from shared.clock import system_clock
from shared.daemon import Bell, Job, Rounds, run_until_stopped
from shared.outage import Outage
from shared.heartbeat import Backlog, Heartbeat
from shared.service import ServiceManager

every = timedelta(minutes=5)
"""
AFTERWARDS = """
rounds = Rounds(Outage("MESH", system_clock), Outage("database", system_clock))
heartbeat = Heartbeat(every, system_clock, rounds.vitals.late, ServiceManager({}), Backlog)
run_until_stopped(jobs, rounds, "0.1.0", threading.Event(), heartbeat)
"""


def run_daemon(jobs: str) -> subprocess.CompletedProcess[str]:
    """Run a daemon with the ``jobs`` of a program, each due every five minutes, until one of them ends it."""
    program = [sys.executable, "-c", BEFORE + jobs + AFTERWARDS]
    return subprocess.run(program, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120)


STOPPED_WHILE_COLLECTING = """
from apscheduler.executors.pool import ThreadPoolExecutor

# the scheduler waits for its ticks from here on
waiting, shut_down = threading.Event(), ThreadPoolExecutor.shutdown
ThreadPoolExecutor.shutdown = lambda *arguments: (waiting.set(), shut_down(*arguments))

def collect():
    os.kill(os.getpid(), signal.SIGTERM)
    return int(waiting.wait(60))

jobs = [Job("collect", collect, every, drains=False, wakes=("process",)), Job("process", lambda: 0, every)]
"""


def test_a_step_that_did_something_while_the_signal_came_does_not_keep_the_daemon_from_ending() -> None:
    ended = run_daemon(STOPPED_WHILE_COLLECTING)

    assert ended.returncode == 0, ended.stderr
    assert "daemon.stopped" in ended.stdout + ended.stderr


WOKEN_IN_THE_MIDDLE = """
bell, idle, processed = Bell(), threading.Event(), threading.Event()

def collect():
    idle.wait(60)
    bell.ring()
    in_time = processed.wait(60)
    os.kill(os.getpid(), signal.SIGTERM if in_time else signal.SIGKILL)
    return 1

def process():
    if idle.is_set():
        processed.set()
    idle.set()
    return 0

jobs = [
    Job("collect", collect, every, drains=False, wakes=("process",), bell=bell),
    Job("process", process, every),
]
"""


def test_a_job_that_rings_in_the_middle_of_its_step_wakes_the_next_one_at_once() -> None:
    ended = run_daemon(WOKEN_IN_THE_MIDDLE)

    assert ended.returncode == 0, ended.stderr


WOKEN_AS_IT_ENDS = """
import concurrent.futures.thread, time

class Busy(concurrent.futures.Future):
    def set_result(self, result):
        # on a busy machine a thread may stand still between the end of its work and saying so
        end = time.monotonic() + 0.003
        while time.monotonic() < end:
            time.sleep(0)
        super().set_result(result)

concurrent.futures._base.Future = Busy
answered, left = threading.Semaphore(0), iter(range(200))

def collect():
    in_time = answered.acquire(timeout=60)
    more = next(left, None) is not None
    time.sleep(0.001)
    if not in_time or not more:
        os.kill(os.getpid(), signal.SIGTERM if in_time else signal.SIGKILL)
    return 1 if more else 0

def reply():
    answered.release()
    return 0

jobs = [Job("collect", collect, every, wakes=("reply",)), Job("reply", reply, every)]
"""


def test_a_job_that_is_woken_at_the_very_moment_of_its_end_goes_round_again() -> None:
    ended = run_daemon(WOKEN_AS_IT_ENDS)

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
