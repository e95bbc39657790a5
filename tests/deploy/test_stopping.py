"""A real sender, stopped or killed in the middle of a report: the step is finished, and no process is left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner

from benchmarks.processes import children_of
from federated_sender.__main__ import main
from tests.federated_sender.bench import consultation
from tests.federated_sender.command_line import settings, write

WITHIN = 60.0

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to watch a process that is no child")
LONG = [
    {"heading": f"Heading {number}", "items": [{"text": "Sore throat for 3 days. " * 20}] * 10} for number in range(5)
]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a sender that has a long report to print; MESH is away."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or "COVERAGE" in name}
    environment = kept | settings(tmp_path)
    written = write(tmp_path, consultation(notes=LONG))
    for words in (["migrate"], ["enqueue", str(written)]):
        assert CliRunner().invoke(main, words, env=environment).exit_code == 0
    return environment


@pytest.fixture
def daemon(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Give a running sender, which leads a process group of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "federated_sender", "run"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as daemon:
        yield daemon
        if daemon.poll() is None:
            daemon.kill()


def read_until(log: IO[str], change: str) -> None:
    next(line for line in log if json.loads(line).get("change") == change)


def started_by(daemon: subprocess.Popen[str]) -> list[int]:
    """Wait until the sender has processes of its own, the PDF worker and its keeper; return what watches them."""
    while True:
        assert daemon.poll() is None
        # one may end while it is looked at
        with suppress(OSError):
            if children := children_of(daemon.pid):
                return [os.pidfd_open(child) for child in children]


def ended(watched: list[int]) -> bool:
    """Say whether all of these processes end."""
    over = [select.select([each], [], [], WITHIN)[0] == [each] for each in watched]
    for each in watched:
        os.close(each)
    return all(over)


def stored(tmp_path: Path) -> list[tuple[str, int | None]]:
    with closing(sqlite3.connect(tmp_path / "state/federated-sender.sqlite3")) as connection:
        return connection.execute("SELECT state, version FROM report").fetchall()


def test_sigterm_to_the_whole_group_lets_the_report_be_finished_that_is_being_printed(
    daemon: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert daemon.stderr is not None
    read_until(daemon.stderr, "due")
    started, before = started_by(daemon), stored(tmp_path)

    os.killpg(daemon.pid, signal.SIGTERM)
    _, log = daemon.communicate(timeout=WITHIN)

    lines = [json.loads(line) for line in log.splitlines()]
    assert (before, stored(tmp_path)) == ([("queued", None)], [("queued", 1)])
    assert (daemon.returncode, lines[-1]["event"]) == (0, "daemon.stopped")
    assert [line["event"] for line in lines if line["level"] == "error"] == []
    assert ended(started)


def test_a_sender_that_is_killed_while_it_prints_leaves_no_process(daemon: subprocess.Popen[str]) -> None:
    assert daemon.stderr is not None
    read_until(daemon.stderr, "due")
    started = started_by(daemon)

    daemon.kill()
    daemon.wait(WITHIN)

    assert ended(started)
