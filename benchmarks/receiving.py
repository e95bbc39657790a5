"""Measure 2: receiving 100 KB messages, beside a straight-line script that stores nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any, Final

from benchmarks import specimens
from benchmarks.figures import Figure, Result, Target, middle
from benchmarks.processes import BIN, cpu_of, running, wait_until
from benchmarks.sites import Kind, Site, canned_responses
from tests.fakes.local_mesh import sandbox_python

_SIZE: Final = 100_000


def measure(site: Site, messages: int = 200, rounds: int = 5) -> Result:
    """Empty the same full mailbox by the script and by the daemon on each database, in turn."""
    rates: dict[str, list[float]] = {"script": [], "sqlite": [], "postgresql": []}
    cpu: list[float] = []
    for number in range(rounds):
        with site.with_fresh_mesh() as fresh:
            _fill(fresh, number, messages)
            rates["script"].append(by_script(fresh))
        for kind in ("sqlite", "postgresql"):
            with site.with_fresh_mesh() as fresh:
                _fill(fresh, number, messages)
                rate, seconds = by_daemon(fresh, kind, messages)
            rates[kind].append(rate)
            cpu.append(seconds / messages)
    script, sqlite, postgresql = (middle(rates[name]) for name in ("script", "sqlite", "postgresql"))
    figures = (
        Figure("messages a second on SQLite, beside the script", sqlite / script, "", Target(least=1.0)),
        Figure("messages a second on PostgreSQL, beside the script", postgresql / script, "", Target(least=1.0)),
        Figure("the script", script, "messages/s"),
        Figure("the daemon on SQLite", sqlite, "messages/s"),
        Figure("the daemon on PostgreSQL", postgresql, "messages/s"),
        Figure("CPU of the daemon a message", middle(cpu) * 1000, "ms"),
    )
    words = (
        f"{messages} messages of 100 KB lie in the mailbox. The script (`benchmarks/straight_line.py`) downloads each"
        " with NHS England's `mesh-client`, parses it with `fhir.resources`, sends two canned responses, acknowledges,"
        " and stores nothing. The daemon stores message, task and documents durably (fsync on) and sends both"
        " responses. The daemon asks MESH for messages as they are, and `mesh-client` for zipped ones, which the local"
        " MESH takes longer to make (decision 0028)."
        f" {rounds} rounds in turn, each with a MESH that was just started, since the local one gets slower"
        " with all that it ever held; medians."
    )
    return Result("Receiving", words, figures, {"receive_cpu": middle(cpu), "receive_rate": sqlite})


def _fill(site: Site, number: int, messages: int) -> None:
    site.deliver([specimens.report(number * messages + each, _SIZE) for each in range(messages)])


def by_script(site: Site) -> float:
    """Return how many messages a second the script deals with."""
    packages = next(sandbox_python().parents[1].glob("lib/python*/site-packages"))
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.straight_line", *site.account(), str(packages)]
    done = subprocess.run(command, input=json.dumps(canned_responses()), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return float(found["messages"] / found["seconds"])


def by_daemon(site: Site, kind: Kind, messages: int) -> tuple[float, float]:
    """Return how many messages a second the daemon deals with, and its CPU seconds from its start to the end."""
    environment = site.receiver(kind)
    log = site.directory / "receiver.log"
    log.unlink(missing_ok=True)
    with running([BIN / "registered-receiver", "run"], environment, log) as daemon:
        wait_until(lambda: log.exists() and log.read_text().count('"response.sent"') >= 2 * messages)
        cpu = cpu_of(daemon.pid)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    seconds = _when(lines, "response.sent") - _when(lines, "daemon.started")
    return messages / seconds, cpu


def _when(lines: list[dict[str, Any]], event: str) -> float:
    """Return when an event happened for the last time, in seconds."""
    last = [line for line in lines if line["event"] == event][-1]
    return datetime.fromisoformat(last["timestamp"]).replace(tzinfo=UTC).timestamp()
