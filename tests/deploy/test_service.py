"""A daemon as a service: it says when it is ready, that it lives and that it ends, and tells its health."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

WITHIN = 60.0


@pytest.fixture
def told(tmp_path: Path) -> Iterator[queue.Queue[bytes]]:
    """Give what the service manager hears; it reads all the time, as systemd does."""
    heard: queue.Queue[bytes] = queue.Queue()

    def listen() -> None:
        while words := channel.recv(500):
            heard.put(words)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        listener = threading.Thread(target=listen)
        listener.start()
        yield heard
        channel.shutdown(socket.SHUT_RD)
        listener.join()


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """The receiver's settings; MESH is away."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    passed_on = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or "COVERAGE" in name}
    return passed_on | {
        "STATE_DIRECTORY": str(tmp_path / "state"),
        "PRACTICE_ODS_CODE": "B82002",
        "MESH_URL": "http://127.0.0.1:9",
        "MESH_MAILBOX_ID": "BIRCHMB1",
        "MESH_MAILBOX_PASSWORD": "a password",
        "MESH_SHARED_KEY": "a key",
        "METRICS_ADDRESS": f"127.0.0.1:{port}",
    }


def command(*arguments: str) -> list[str | Path]:
    return [Path(sys.executable).with_name("registered-receiver"), *arguments]


def test_ready_alive_and_stopping_are_told_and_health_can_be_asked(
    settings: dict[str, str], told: queue.Queue[bytes], tmp_path: Path
) -> None:
    service = settings | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    subprocess.run(command("migrate"), env=settings, check=True, capture_output=True, timeout=WITHIN)
    before = subprocess.run(command("health"), env=settings, capture_output=True, text=True, timeout=WITHIN)

    with (tmp_path / "log").open("w") as log, subprocess.Popen(command("run"), env=service, stderr=log) as daemon:
        heard = set()
        while not {b"READY=1", b"WATCHDOG=1"} <= heard:
            heard.add(told.get(timeout=WITHIN))
        health = subprocess.run(command("health"), env=settings, capture_output=True, text=True, timeout=WITHIN)
        daemon.send_signal(signal.SIGTERM)
        status = daemon.wait(WITHIN)
        while b"STOPPING=1" not in heard:
            heard.add(told.get(timeout=WITHIN))

    assert (before.returncode, health.returncode, health.stdout, status) == (1, 0, "ok\n", 0)
    assert b"STATUS=nothing to do; 0 open alerts; oldest work 0 s" in heard
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert "daemon.heartbeat" in events
    assert events.count("outage.began") == 1
