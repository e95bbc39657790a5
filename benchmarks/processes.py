"""Processes that are measured: their CPU time, their memory and what they write, as the kernel counts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")
BIN: Final = Path(sys.executable).parent


def cpu_of(pid: int) -> float:
    """Return user and system seconds of a process and of all that it started, ended ones included."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    own = sum(int(field) for field in fields[11:15]) / _TICKS
    return own + sum(cpu_of(child) for child in children_of(pid))


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started and that are there still."""
    found: list[int] = []
    for thread in (_PROC / str(pid) / "task").iterdir():
        # a thread may end while it is looked at; its children are another thread's then
        with suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found


def family_of(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    return [pid, *(each for child in children_of(pid) for each in family_of(child))]


def pss_of(pid: int) -> float:
    """Return the memory of one process in MB: what it shares with others is counted in parts.

    The daemons let nobody but root look into them: to others all that is shared is counted whole, which is too much.
    """
    try:
        return _kilobytes(pid, "smaps_rollup", "Pss:")
    except PermissionError:
        return _kilobytes(pid, "status", "VmRSS:")


def peak_of(pid: int) -> float:
    """Return the most memory that one process ever held, in MB."""
    return _kilobytes(pid, "status", "VmHWM:")


def _kilobytes(pid: int, file: str, name: str) -> float:
    lines = (_PROC / str(pid) / file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


def forget_peak(pid: int) -> None:
    """Begin to measure the peak anew, where that is allowed."""
    with suppress(PermissionError):
        (_PROC / str(pid) / "clear_refs").write_text("5")


def written_by(pid: int) -> int | None:
    """Return how many bytes a process and its descendants sent to a disk; None when only root may know."""
    try:
        lines = [line for each in family_of(pid) for line in (_PROC / str(each) / "io").read_text().splitlines()]
    except PermissionError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))


@contextmanager
def running(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the end of the ``with``, and end it well."""
    with log.open("ab") as stream, subprocess.Popen(command, env=dict(environment), stderr=stream) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_until(is_so: Callable[[], bool], within: float = 600.0, every: float = 0.02) -> None:
    """Wait for a condition; raises TimeoutError."""
    late = time.monotonic() + within
    while not is_so():
        if time.monotonic() > late:
            raise TimeoutError("what is measured does not get ready")
        time.sleep(every)


def seconds_of(command: Sequence[str | Path], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command to its end; return its CPU and its wall-clock seconds. Raises when it fails."""
    before, begun = os.times(), time.monotonic()
    subprocess.run(command, env=dict(environment), stdout=subprocess.DEVNULL, check=True)
    after, ended = os.times(), time.monotonic()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, ended - begun
