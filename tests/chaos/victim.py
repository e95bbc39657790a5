"""Runs the real command line of a daemon in a process that can be killed at any step boundary.

A boundary is the moment before or after a commit or an HTTP request, wherever in the daemon that is. They are found by
standing in the database driver's and the transport's way, not marked in the product. The process is told by its
environment what to do:

- ``CHAOS_CLOCK``: ``epoch,began,speed``, a clock that runs faster, the same one for every process of an experiment
- ``CHAOS_SEEN``: a file that gets the name of each boundary that was reached for the first time, a line each
- ``CHAOS_KILL``: where the process kills itself as ``kill -9`` would, JSON: the ``nth`` time that it is at one of the
  boundaries ``names``, or at one that has ``part`` in its name
- ``CHAOS_KILLED``: a file that gets the name of the boundary where that was
- ``CHAOS_FILES``: changes of files are boundaries, too
- ``CHAOS_BYTES``, ``CHAOS_PAGES``: how many bytes any file may have, and by how many pages an SQLite database may grow:
  two ways in which a disk is full
- ``CHAOS_WORKER``: print in a worker process, as in a practice, and not in this process, where all is ready for it
- ``CHAOS_BROKEN``: a deliberate fault to build in (``breakages``)
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from sqlalchemy import Engine, event
from sqlalchemy.engine import default

_PACKAGES = ("federated_sender", "registered_receiver", "shared")
# where every commit and request passes through: not the place that wished for it
_PASSAGES = ("shared/db.py", "shared/mesh/connection.py", "shared/mesh/repetition.py")
_ROOT = Path(__file__).parents[2]

# How many seconds a victim waits for a free connection, a new one, its bytes to be taken, an answer, one to a POST.
# The clock of an experiment runs faster than the world, and so do these.
PATIENCE = (1.0, 2.0, 2.0, 1.5, 2.0)


class Boundaries:
    """Notes the boundaries that are reached, and ends the process at the one that was chosen."""

    def __init__(self, seen: str, kill: str, killed: str) -> None:
        self._seen, self._killed = _appending(seen), _appending(killed)
        self._kill: dict[str, Any] | None = json.loads(kill) if kill else None
        # what others reached is known: the file has each boundary once
        self._known = set(Path(seen).read_text().splitlines()) if seen and Path(seen).exists() else set()
        self._hits = 0
        self._lock = threading.Lock()

    def reach(self, what: str) -> None:
        """Note that the process is at a boundary."""
        place = _place()
        if place is None:
            return
        name = f"{place} {what}"
        with self._lock:
            if name not in self._known:
                self._known.add(name)
                _append(self._seen, name)
            if not self._is_chosen(name):
                return
            _append(self._killed, name)
            os.kill(os.getpid(), signal.SIGKILL)
            # the signal may take a moment; nothing more may happen meanwhile
            time.sleep(60)

    def _is_chosen(self, name: str) -> bool:
        kill = self._kill
        if kill is None or not (name in kill.get("names", ()) or ("part" in kill and kill["part"] in name)):
            return False
        self._hits += 1
        return self._hits == kill["nth"]


def _appending(path: str) -> int | None:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if path else None


def _append(file: int | None, line: str) -> None:
    if file is not None:
        os.write(file, f"{line}\n".encode())


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


def stand_before_files(boundaries: Boundaries) -> None:
    """Let every change of a file pass by the boundaries, too; SQLite's own are out of reach."""

    def passing(name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def passed(*arguments: Any, **more: Any) -> Any:
            boundaries.reach(f"before {name}")
            done = change(*arguments, **more)
            boundaries.reach(f"after {name}")
            return done

        return passed

    for name in ("replace", "fsync", "unlink"):
        setattr(os, name, passing(name, getattr(os, name)))


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


def fill_the_disk(largest: str, pages: str) -> None:
    """Let no file have more than ``largest`` bytes, and no SQLite database more than ``pages`` pages beyond today's."""
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
    if pages:

        @event.listens_for(Engine, "connect")
        def limit(connection: Any, _record: Any, most: list[int] = []) -> None:  # noqa: B006 - the first one counts
            if not most:
                most.append(connection.execute("PRAGMA page_count").fetchone()[0] + int(pages))
            connection.execute(f"PRAGMA max_page_count={most[0]}")


def print_here() -> None:
    """Let this process print the reports itself: the one it was forked from has everything ready."""
    from federated_sender.layout import print_pdf
    from federated_sender.pdf import PdfRenderer

    PdfRenderer.render = lambda _self, html: print_pdf(html)  # type: ignore[method-assign]


def be_impatient() -> None:
    """Let the MESH client wait as long as the clock of the experiment asks for."""
    from shared.mesh.connection import Timeouts

    Timeouts.__init__.__defaults__ = PATIENCE  # type: ignore[misc]


def main(daemon: str, *arguments: str) -> None:
    """Run a daemon's command line with everything in place."""
    told = {name: os.environ.get(f"CHAOS_{name}", "") for name in ("SEEN", "KILL", "KILLED", "BYTES", "PAGES")}
    fill_the_disk(told["BYTES"], told["PAGES"])
    boundaries = Boundaries(told["SEEN"], told["KILL"], told["KILLED"])
    stand_in_the_way(boundaries)
    if os.environ.get("CHAOS_FILES"):
        stand_before_files(boundaries)
    be_impatient()
    if not os.environ.get("CHAOS_WORKER"):
        print_here()
    if os.environ.get("CHAOS_BROKEN"):
        from tests.chaos.breakages import build_in

        build_in(os.environ["CHAOS_BROKEN"])
    if daemon == "federated-sender":
        from federated_sender.__main__ import main as command
        from federated_sender.app import Sender as App
    else:
        from registered_receiver.__main__ import main as command
        from registered_receiver.app import Receiver as App
    App.__init__.__kwdefaults__["clock"] = quick_clock(os.environ["CHAOS_CLOCK"])
    command(list(arguments), prog_name=daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
