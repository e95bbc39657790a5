"""The heartbeat: one line that says how much there is to do, in the log and to the service manager."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from shared import log
from shared.heartbeat import Backlog, Heartbeat
from shared.service import ServiceManager
from tests.fakes.clock import MovableClock

EVERY = timedelta(minutes=5)


@pytest.fixture
def line() -> Iterator[Callable[[], dict[str, object]]]:
    stream = io.StringIO()
    log.configure("info", "json", "example", stream)
    yield lambda: json.loads(stream.getvalue())
    structlog.reset_defaults()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(5)
        yield channel


def test_it_tells_the_unfinished_the_oldest_and_what_waits_for_a_person(
    line: Callable[[], dict[str, object]], told: socket.socket
) -> None:
    clock = MovableClock()
    backlog = Backlog({"waiting": 4, "queued": 1}, clock() - timedelta(seconds=90), 1, 2)
    service = ServiceManager({"NOTIFY_SOCKET": told.getsockname()})

    Heartbeat(EVERY, clock, lambda: ["collect"], service, lambda: backlog).beat()

    said = line()
    assert said["event"] == "daemon.heartbeat"
    assert said["unfinished"] == {"waiting": 4, "queued": 1}
    assert (said["oldest_work_seconds"], said["parked"], said["open_alerts"]) == (90, 1, 2)
    assert said["late_jobs"] == ["collect"]
    assert told.recv(500) == b"STATUS=4 waiting, 1 queued; 2 open alerts; oldest work 90 s"


def test_with_nothing_to_do_it_beats_all_the_same(line: Callable[[], dict[str, object]], told: socket.socket) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": told.getsockname()})

    Heartbeat(EVERY, MovableClock(), list, service, Backlog).beat()

    assert (line()["unfinished"], line()["oldest_work_seconds"]) == ({}, 0)
    assert told.recv(500) == b"STATUS=nothing to do; 0 open alerts; oldest work 0 s"


def test_a_database_that_is_away_does_not_stop_the_heart(
    line: Callable[[], dict[str, object]], told: socket.socket
) -> None:
    def away() -> Backlog:
        raise OperationalError("SELECT", {}, Exception("gone"))

    service = ServiceManager({"NOTIFY_SOCKET": told.getsockname()})

    Heartbeat(EVERY, MovableClock(), lambda: ["send"], service, away).beat()

    assert line()["late_jobs"] == ["send"]
    assert "unfinished" not in line()
    assert told.recv(500) == b"STATUS=the database does not answer"
