"""Plays the demo as a process, as people do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.local_mesh import sandbox_python

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Played:
    """A demo that was played to its end."""

    directory: Path
    status: int
    said: str
    complained: str

    def logs(self) -> dict[str, str]:
        return {file.name: file.read_text(encoding="utf-8") for file in self.directory.rglob("*.log")}

    def stored(self, practice: str, query: str) -> Iterator[bytes]:
        (database,) = self.directory.glob(f"{practice}/state/*.sqlite3")
        with closing(sqlite3.connect(database)) as connection:
            for (body,) in connection.execute(query):
                yield bytes(body)


def play(directory: Path, *options: str) -> Played:
    sandbox_python()
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo.demo", "--directory", str(directory), *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
    )
    return Played(directory, done.returncode, done.stdout, done.stderr)
