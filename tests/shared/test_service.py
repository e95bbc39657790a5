"""The service manager hears what sd_notify(3) promises, and its absence harms nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from shared.service import ServiceManager


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(5)
        yield channel


def test_start_life_status_and_end_are_told(listening: socket.socket) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": listening.getsockname()})

    service.ready()
    service.status("3 waiting;\n2 sent")
    service.alive()
    service.stopping()

    assert [listening.recv(500) for _ in range(4)] == [
        b"READY=1",
        b"STATUS=3 waiting; 2 sent",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_a_socket_without_a_file_is_reached_too() -> None:
    name = f"federated-consultation-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{name}")
        channel.settimeout(5)

        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).ready()

        assert channel.recv(500) == b"READY=1"


def test_a_service_manager_that_does_not_read_keeps_nobody_from_ending(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.service._PATIENCE", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full, suppress(BlockingIOError):
        full.setblocking(False)
        while full.sendto(b"x", listening.getsockname()):
            pass

    ServiceManager({"NOTIFY_SOCKET": listening.getsockname()}).stopping()

    assert listening.recv(500) == b"x"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_a_service_manager_nothing_happens(environ: dict[str, str]) -> None:
    service = ServiceManager(environ)

    service.ready()
    service.stopping()

    assert service.watchdog_every is None


@pytest.mark.parametrize(
    ("environ", "every"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, timedelta(seconds=30)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(seconds=30)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_life_is_told_twice_as_often_as_the_watchdog_asks(environ: dict[str, str], every: timedelta | None) -> None:
    assert ServiceManager(environ).watchdog_every == every
