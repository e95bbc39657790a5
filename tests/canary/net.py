"""The net: everything that leaves a daemon besides the places where patient data belongs, searched for canaries."""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import is_dataclass, replace
from inspect import getmembers, isclass
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import BaseModel

import federated_sender
import registered_receiver
import shared
from benchmarks.processes import children_of
from shared import log
from shared.daemon import Job
from shared.heartbeat import Backlog, Heartbeat
from shared.metrics import Figures
from shared.service import ServiceManager
from shared.vitals import Vitals
from tests.canary.words import found_in

PACKAGES = (federated_sender, registered_receiver, shared)


class Net:
    """What was seen: each piece with the words for where. ``leaks`` says which pieces hold a canary."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], None] = {}
        self._log, self._libraries = io.StringIO(), io.StringIO()
        self._tolerated: set[str] = set()

    def tolerates(self, *classes: str) -> None:
        """Let exceptions of these classes quote what they like, because the path made them so."""
        self._tolerated |= set(classes)

    def try_(self, act: Callable[[], object]) -> None:
        """Do what may fail, and look at the exception."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
            self._exception(error)

    def _exception(self, error: Exception) -> None:
        if type(error).__name__ not in self._tolerated:
            self.see("an exception", repr(error), *traceback.format_exception(error))

    def see(self, where: str, *texts: str) -> None:
        for text in texts:
            self._seen[where, text] = None

    @property
    def logged(self) -> str:
        return self._log.getvalue()

    def events(self) -> set[str]:
        """Return the names of the events that were logged, by the daemon and by commands on their stderr."""
        texts = [self.logged, *(text for where, text in self._seen if where.startswith("stderr"))]
        lines = (line for text in texts for line in text.splitlines() if line.startswith("{"))
        return {json.loads(line)["event"] for line in lines}

    def leaks(self, find: Callable[[str], set[str]] = found_in) -> list[str]:
        """Return where a canary was found, and which; nothing when all is well."""
        logs = {"log": self._log, "a library's log": self._libraries}
        lines = [(where, line) for where, stream in logs.items() for line in stream.getvalue().splitlines()]
        found = ((where, text, find(text)) for where, text in (*lines, *self._seen))
        return [f"{where}: {', '.join(sorted(words))} in {text[:400]}" for where, text, words in found if words]

    def listen(self, daemon: str) -> None:
        """Let our own log lines of every level come here; a command of this process had turned them elsewhere."""
        log.configure("debug", "json", daemon, self._log)

    @contextmanager
    def spread(self, directory: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """Look at libraries' logs, at what our values print as, and at files in ``directory`` that are left behind."""
        temporary = directory / "temporary"
        temporary.mkdir(exist_ok=True)
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr("tempfile.tempdir", str(temporary))
        for found in values_of_ours():
            _print_each(found, patch, lambda text, name=found.__name__: self.see(f"the repr of {name}", text))
        handler, root = logging.StreamHandler(self._libraries), logging.getLogger()
        # what the mail server of the tests itself says
        handler.addFilter(lambda record: record.name != "mail.log")
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield
            self.see("a temporary file", *(_content(file) for file in temporary.rglob("*")))
            self.see("a file's name", *(str(file.relative_to(directory)) for file in directory.rglob("*")))
            self.look_at_processes()
        finally:
            root.removeHandler(handler)
            root.setLevel(level)

    def look_at_processes(self) -> None:
        """Look at what every user of the machine sees of this process's children."""
        self.see("a process title", *_titles())

    def watch(self, job: Job) -> Job:
        """Return ``job``, whose exceptions are looked at as an error tracker would."""

        def step() -> int:
            try:
                return job.step()
            except Exception as error:
                self._exception(error)
                raise

        return replace(job, step=step)

    def beat(self, app: Any, vitals: Vitals, directory: Path) -> None:
        """Let the daemon say how it is: to the service manager, to the log and to whoever scrapes it."""

        def backlog() -> Backlog:
            with app.database.snapshot() as session:
                return app.backlog(session)  # type: ignore[no-any-return]

        def counts() -> dict[str, int]:
            with app.database.snapshot() as session:
                return app.counts(session)  # type: ignore[no-any-return]

        heard = directory / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(heard))
            service = ServiceManager({"NOTIFY_SOCKET": str(heard)})
            every = app.settings.heartbeat_interval
            Heartbeat(every, app.clock, vitals.late, service, backlog).beat()
            self.see("the service manager's status", manager.recv(4096).decode())
        heard.unlink()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Figures(app.clock, vitals, backlog, counts, app.latencies))
        self.see("a metric", generate_latest(registry).decode())


def values_of_ours() -> list[type[Any]]:
    """Return every class of values in our packages, whatever it is made with."""
    found: dict[type[Any], None] = {}
    for package in PACKAGES:
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" in module.name or module.name.endswith("__main__"):
                continue
            loaded = __import__(module.name, fromlist=["_"])
            for _, each in getmembers(loaded, isclass):
                if each.__module__ == module.name and (is_dataclass(each) or issubclass(each, BaseModel)):
                    found[each] = None
    return list(found)


def _print_each(value: type[Any], patch: pytest.MonkeyPatch, see: Callable[[str], None]) -> None:
    """Print every instance of a class of values as soon as it is made; pydantic's are made without ``__init__``."""
    if issubclass(value, BaseModel):
        return
    make = value.__init__

    def init(self: Any, *arguments: Any, **more: Any) -> None:
        make(self, *arguments, **more)
        if type(self) is value:
            see(repr(self))

    patch.setattr(value, "__init__", init)


def _content(file: Path) -> str:
    return file.read_bytes().decode("latin-1") if file.is_file() else ""


def _titles() -> Iterable[str]:
    """Return the command lines and names of this process's children."""
    for child in children_of(os.getpid()):
        for name in ("cmdline", "comm"):
            # it may end while it is looked at
            with suppress(OSError):
                yield Path("/proc", str(child), name).read_bytes().replace(b"\0", b" ").decode()
