"""Runs the real ``run`` command of a daemon in a process that can be killed at any step boundary.

A boundary is the moment before or after a commit or an HTTP request, wherever in the daemon that is. They are found by
standing in the database driver's and the transport's way, not marked in the product. The process is told by its
environment what to do:

- ``CHAOS_CLOCK``: ``epoch,began,speed``, a clock that runs faster, the same one for every process of an experiment
- ``CHAOS_SEEN``: a file that gets the name of each boundary that was reached, a line each, the first time
- ``CHAOS_KILL``: ``name#n``, where the process kills itself as ``kill -9`` would: the nth time it is there; ``~part#n``
  is any boundary that has this in its name
- ``CHAOS_DISK``: how many bytes any file may have, as a disk that is full
- ``CHAOS_BROKEN``: a deliberate fault to build in (``breakages``)
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from sqlalchemy.engine import default

_PACKAGES = ("federated_sender", "registered_receiver", "shared")
# where every commit and request passes through: not the place that wished for it
_PASSAGES = ("shared/db.py", "shared/mesh/connection.py", "shared/mesh/repetition.py")
_ROOT = Path(__file__).parents[2]


class Boundaries:
    """Counts the boundaries that are reached, and ends the process at the one that was chosen."""

    def __init__(self, seen: str, kill: str) -> None:
        self._seen = os.open(seen, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if seen else None
        name, _, number = kill.rpartition("#")
        self._kill = (name, int(number)) if name else None
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, what: str) -> None:
        """Note that the process is at a boundary."""
        place = _place()
        if place is None:
            return
        name = f"{place} {what}"
        with self._lock:
            self._counts[name] += 1
            count = self._counts[name]
            if count == 1 and self._seen is not None:
                os.write(self._seen, f"{name}\n".encode())
            hit = self._is_chosen(name, count)
        if hit:
            os.kill(os.getpid(), signal.SIGKILL)
            # the signal may take a moment; nothing more may happen meanwhile
            time.sleep(60)

    def _is_chosen(self, name: str, count: int) -> bool:
        if self._kill is None:
            return False
        chosen, number = self._kill
        if chosen.startswith("~"):
            return chosen[1:] in name and sum(n for each, n in self._counts.items() if chosen[1:] in each) == number
        return (chosen, number) == (name, count)


def _place() -> str | None:
    """Return the function of the product that is at work, None when none is: a check at the start, or a heartbeat."""
    frame: FrameType | None = sys._getframe(2)
    found = None
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(str(_ROOT)):
            short = file[len(str(_ROOT)) + 1 :]
            if short.startswith(_PACKAGES) and short not in _PASSAGES and found is None:
                found = f"{short.removesuffix('.py').replace('/', '.')}.{frame.f_code.co_name}"
            if frame.f_code.co_name == "step" and short == "shared/daemon.py":
                return found
        frame = frame.f_back
    return None


def stand_in_the_way(boundaries: Boundaries) -> None:
    """Let every commit and every request pass by the boundaries."""
    commit, request = default.DefaultDialect.do_commit, httpx.HTTPTransport.handle_request

    def do_commit(self: Any, connection: Any) -> None:
        boundaries.reach("before commit")
        commit(self, connection)
        boundaries.reach("after commit")

    def handle_request(self: httpx.HTTPTransport, asked: httpx.Request) -> httpx.Response:
        call = f"{asked.method} {_call(asked.url.path)}"
        boundaries.reach(f"before {call}")
        answer = request(self, asked)
        boundaries.reach(f"after {call}")
        return answer

    default.DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]
    httpx.HTTPTransport.handle_request = handle_request  # type: ignore[method-assign]


def _call(path: str) -> str:
    """Return which call of MESH a path is, without ids."""
    parts = path.strip("/").split("/")[2:]
    names = {"inbox", "outbox", "tracking", "status", "acknowledged"}
    return "/".join(part if part in names else "ID" for part in parts) or "handshake"


def quick_clock(description: str) -> Callable[[], datetime]:
    """Return the clock of the experiment: ``speed`` seconds pass in each real one."""
    epoch, began, speed = (float(part) for part in description.split(","))

    def now() -> datetime:
        return datetime.fromtimestamp(epoch + (time.time() - began) * speed, UTC)

    return now


def main(daemon: str, *arguments: str) -> None:
    """Run a daemon's command line with everything in place."""
    clock = quick_clock(os.environ["CHAOS_CLOCK"])
    if os.environ.get("CHAOS_DISK"):
        limit = int(os.environ["CHAOS_DISK"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    stand_in_the_way(Boundaries(os.environ.get("CHAOS_SEEN", ""), os.environ.get("CHAOS_KILL", "")))
    if os.environ.get("CHAOS_BROKEN"):
        from tests.chaos.breakages import BREAKAGES

        BREAKAGES[os.environ["CHAOS_BROKEN"]].build_in()
    if daemon == "federated-sender":
        from federated_sender.__main__ import main as command
        from federated_sender.app import Sender as App
    else:
        from registered_receiver.__main__ import main as command
        from registered_receiver.app import Receiver as App
    App.__init__.__kwdefaults__["clock"] = clock
    command(list(arguments), prog_name=daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
