"""The experiment's end of the zygotes: starts victims, and knows which of them are alive and how the others ended."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
_START_WITHIN = 60.0


@dataclass
class Victim:
    """One process; ``status`` is None as long as it is alive, and -9 when it was killed."""

    daemon: str
    pid: int
    status: int | None = None


@dataclass
class Nursery:
    """One zygote and its victims."""

    process: subprocess.Popen[bytes] = field(init=False)
    victims: dict[int, Victim] = field(default_factory=dict)
    _listening: threading.Thread = field(init=False, repr=False)
    _told: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # a worker that outlived its parent keeps the pipe open otherwise
            close_fds=True,
        )
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listening.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def start(self, daemon: str, arguments: list[str], environ: dict[str, str], log: Path) -> Victim:
        """Start a victim and return it."""
        order = {"daemon": daemon, "arguments": arguments, "environ": environ, "log": str(log)}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        while True:
            fact = self._told.get(timeout=_START_WITHIN)
            if "status" not in fact:
                break
            self._ended(fact)
        victim = Victim(daemon, fact["pid"])
        self.victims[victim.pid] = victim
        return victim

    def look(self) -> None:
        """Learn which victims are over."""
        while not self._told.empty():
            self._ended(self._told.get())

    def wait(self, victim: Victim, seconds: float) -> int | None:
        """Wait for the end of a victim; return its status, None when it is still alive after so long."""
        late = time.monotonic() + seconds
        while victim.status is None and time.monotonic() < late:
            try:
                self._ended(self._told.get(timeout=0.05))
            except queue.Empty:
                continue
        return victim.status

    def signal(self, victim: Victim, number: int = signal.SIGKILL) -> None:
        """Send a signal to a victim that is alive."""
        self.look()
        if victim.status is None:
            # it may be over, and nobody have told yet
            with suppress(ProcessLookupError):
                os.kill(victim.pid, number)

    def _ended(self, fact: dict[str, Any]) -> None:
        self.victims.pop(fact["pid"]).status = fact["status"]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._told.put(json.loads(line))
