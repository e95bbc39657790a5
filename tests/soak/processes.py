"""The experiment's end of a daemon's process: gives it orders and waits for its answers (``ticking``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.soak.measure import Vitals

ROOT = Path(__file__).parents[2]


class DaemonProcess:
    """A running daemon; its log is appended to ``log``."""

    def __init__(self, name: str, settings: Mapping[str, str], now: datetime, log: IO[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.ticking", name, now.isoformat()],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            if kind is not None:
                self._process.kill()
        if kind is None and self._process.returncode:
            raise ChildProcessError(f"{self.name} ended with {self._process.returncode}")

    def tick(self, at: datetime, *, database_away: bool) -> None:
        """Let every job run that is due at this time."""
        self._tell({"do": "tick", "at": at.isoformat(), "database_away": database_away})

    def end_the_day(self) -> None:
        """Let people finish their work."""
        self._tell({"do": "end_the_day"})

    def vitals(self) -> Vitals:
        """Measure the process."""
        return Vitals(**self._tell({"do": "measure"}))

    def _tell(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise ChildProcessError(f"{self.name} ended by itself")
        told: dict[str, Any] = json.loads(answer)
        return told
