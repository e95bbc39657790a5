"""Runs ``deploy/demo/mesh`` as a process: NHS England's mesh-sandbox with our mailboxes and patients."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SERVE = ROOT / "deploy/demo/mesh/serve.py"
START_WITHIN = 60.0


def sandbox_python() -> Path:
    """Return the interpreter that has mesh-sandbox; skip where it is not installed, fail where CI must have it."""
    python = Path(os.environ.get("MESH_SANDBOX_PYTHON", ROOT / ".venv/sandbox/bin/python"))
    if not python.exists():
        reason = f"mesh-sandbox is not installed: there is no {python} (deploy/lock/sandbox.txt)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return python


@contextmanager
def running_mesh(config: dict[str, Any], directory: Path, *options: str | Path, script: Path = SERVE) -> Iterator[int]:
    """Run a local MESH until the end of the ``with``; gives its port once it listens."""
    config_file, ready_file, log_file = (directory / name for name in ("mesh.json", "mesh.port", "mesh.log"))
    config_file.write_text(json.dumps(config))
    command: list[str | Path] = [sandbox_python(), "-W", "ignore", script]
    chosen: list[str | Path] = ["--config", config_file, "--ready-file", ready_file, "--max-seconds", "900", *options]
    with log_file.open("wb") as log, subprocess.Popen([*command, *chosen], stdout=log, stderr=log) as process:
        try:
            yield _port(process, ready_file, log_file)
        finally:
            process.terminate()
            status = process.wait(30)
    assert status == 0, f"the local MESH ended with {status}: {log_file.read_text()}"


def _port(process: subprocess.Popen[bytes], ready_file: Path, log_file: Path) -> int:
    late = time.monotonic() + START_WITHIN
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > late:
            pytest.fail(f"the local MESH did not start: {log_file.read_text()}")
        time.sleep(0.02)
    return int(ready_file.read_text())
