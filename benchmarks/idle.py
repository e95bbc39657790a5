"""Measure 6: what the daemons take when there is nothing to do."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import Figure, Result, Target
from benchmarks.processes import BIN, cpu_of, running, written_by
from benchmarks.sites import Site
from benchmarks.specimens import RECEIVER, SENDER


def measure(site: Site, seconds: float = 270, settle: float = 20) -> Result:
    """Let both daemons run with the intervals of real life and nothing to do."""
    figures: list[Figure] = []
    for mailbox_id in (SENDER, RECEIVER):
        # what other measures left there is work
        site.empty(mailbox_id)
    with ExitStack() as stack:
        pids = {}
        for daemon, environment in (
            ("federated-sender", site.sender("sqlite")),
            ("registered-receiver", site.receiver("sqlite")),
        ):
            usual = environment | {"MESH_POLL_INTERVAL": "PT5M", "OUTBOX_POLL_INTERVAL": "PT30S"}
            pids[daemon] = stack.enter_context(running([BIN / daemon, "run"], usual, Path("/dev/null"))).pid
        # until the first poll of everything is over
        time.sleep(settle)
        before = {daemon: (cpu_of(pid), written_by(pid)) for daemon, pid in pids.items()}
        time.sleep(seconds)
        for daemon, pid in pids.items():
            cpu, written = cpu_of(pid) - before[daemon][0], written_by(pid)
            figures.append(Figure(f"{daemon}, of a core", cpu / seconds * 100, "%", Target(most=0.2)))
            if written is not None:
                grown = written - (before[daemon][1] or 0)
                figures.append(Figure(f"{daemon}, written to the disk", grown, "bytes", Target(most=0)))
    words = (
        f"Over {seconds:g} s between two polls of the mailbox, intervals as by default, SQLite. A poll notes whose turn"
        " it is, in two small commits. The log, a line in five minutes, is not counted."
    )
    return Result("Idle", words, figures)
