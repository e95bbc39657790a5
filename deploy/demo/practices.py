"""The processes of the demo: the local MESH and the two practices' daemons, each with its files in one directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

import click

from deploy.demo.console import Console, Row

ROOT: Final = Path(__file__).parents[2]
_SANDBOX: Final = ROOT / ".venv/sandbox/bin/python"
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_START_WITHIN: Final = 30.0
_STOP_WITHIN: Final = 30.0


class DemoFailed(Exception):
    """Something that the demo stands on did not work; its text says what."""


@dataclass
class Background:
    """A process that runs until it is told to stop; what it says goes to a file."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, name: str, command: list[str], directory: Path) -> Background:
        """Start ``command``."""
        log = directory / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_clean())
        return cls(name, log, process)

    def check(self) -> None:
        """Raise DemoFailed when the process ended by itself."""
        if self.process.poll() is not None:
            raise DemoFailed(f"{self.name} ended with {self.process.returncode}; see {self.log}")

    def stop(self) -> int:
        """Ask the process to end and return its exit status; one that does not is killed."""
        self.process.terminate()
        try:
            return self.process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@dataclass
class LocalMesh:
    """The local MESH, and its own record of what went through it."""

    background: Background
    url: str

    @classmethod
    def start(cls, configuration: Mapping[str, Any], directory: Path, dropped: str | None, seconds: int) -> LocalMesh:
        """Start it with its mailboxes; ``dropped`` is a workflow whose messages it loses."""
        if not _SANDBOX.exists():
            raise DemoFailed("the local MESH is not installed: run `make demo`")
        config, ready = directory / "mesh.json", directory / "mesh.port"
        config.write_text(json.dumps(configuration), encoding="utf-8")
        command = [str(_SANDBOX), "-W", "ignore", str(ROOT / "deploy/demo/mesh/serve.py"), "--config", str(config)]
        command += ["--ready-file", str(ready), "--max-seconds", str(seconds)]
        background = Background.start("mesh", command + (["--drop-workflow", dropped] if dropped else []), directory)
        late = time.monotonic() + _START_WITHIN
        while not ready.exists():
            if background.process.poll() is not None or time.monotonic() > late:
                background.stop()
                raise DemoFailed(f"the local MESH did not start; see {background.log}")
            time.sleep(0.05)
        return cls(background, f"http://127.0.0.1:{ready.read_text().strip()}")

    def record(self) -> list[dict[str, Any]]:
        """Return all messages that MESH knows of, without bodies."""
        # the way to this machine leads through no proxy
        try:
            with build_opener(ProxyHandler({})).open(f"{self.url}/demo/record", timeout=30) as answer:
                entries: list[dict[str, Any]] = json.load(answer)
        except OSError as error:
            raise DemoFailed(f"MESH's own record cannot be read: {error}") from None
        return entries


@dataclass
class Practice:
    """One practice: its daemon's command line, settings and state."""

    command: str
    directory: Path
    settings: Mapping[str, str]
    env_file: Path = field(init=False)

    def __post_init__(self) -> None:
        """Write the settings down."""
        self.directory.mkdir(mode=0o700)
        self.env_file = self.directory / "daemon.env"
        lines = {"STATE_DIRECTORY": str(self.directory / "state"), **self.settings}
        self.env_file.write_text("".join(f"{name}='{value}'\n" for name, value in lines.items()), encoding="utf-8")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.directory / "state" / f"{self.command}.sqlite3"

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run one command as a process, with what is ``typed``; return what it prints, DemoFailed when it fails."""
        command = [*self._command(), *arguments]
        done = subprocess.run(command, input=typed, capture_output=True, text=True, env=_clean())
        if done.returncode != 0:
            raise DemoFailed(f"{self.command} {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def do(self, *arguments: str) -> str:
        """Run one command in this process and return what it prints; raise DemoFailed when it fails."""
        try:
            return Console(self.command, self.env_file).run(*arguments)
        except click.ClickException as error:
            raise DemoFailed(f"{self.command} {' '.join(arguments)}: {error.format_message()}") from None

    def ask(self, *arguments: str) -> list[Row]:
        """Run a command with ``--json`` in this process and return the list that it prints."""
        rows: list[Row] = json.loads(self.do(*arguments, "--json"))
        return rows

    def daemon(self) -> Background:
        """Start the daemon."""
        return Background.start(self.command, [*self._command(), "run"], self.directory)

    def web(self, address: str) -> Background:
        """Start the web pages at ``address``, a host and a port."""
        with self.env_file.open("a", encoding="utf-8") as settings:
            settings.write(f"WEB_LISTEN='{address}'\n")
        return Background.start(f"{self.command}-web", [*self._command(), "web"], self.directory)

    def _command(self) -> list[str]:
        return [str(Path(sys.executable).with_name(self.command)), "--env-file", str(self.env_file)]


def _clean() -> dict[str, str]:
    """Return an environment without settings of anybody's own daemon; a measuring of coverage goes on."""
    kept = {name for name in os.environ if name.startswith("COVERAGE_")} | set(_PASSED_ON)
    return {name: value for name, value in os.environ.items() if name in kept}
