"""The program itself, as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "registered_receiver"]


def environment(directory: Path, **changes: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")
    }
    return (
        kept
        | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "STATE_DIRECTORY": str(directory / "state"),
            "PRACTICE_ODS_CODE": "B82002",
            "MESH_URL": "http://127.0.0.1:9",
            "MESH_MAILBOX_ID": "BIRCHMB1",
            "MESH_MAILBOX_PASSWORD": "password",
            "MESH_SHARED_KEY": "key",
        }
        | changes
    )


def run(directory: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    env = environment(directory, **changes)
    return subprocess.run([*PROGRAM, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_unusable_settings_are_all_named_and_end_with_78(tmp_path: Path) -> None:
    result = run(tmp_path, "run", MESH_URL="http://mesh.example", MATCH_REVIEW="perhaps")

    assert result.returncode == 78
    assert "MESH_URL" in result.stderr
    assert "MATCH_REVIEW" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_teaches_the_first_start_and_the_everyday_commands(tmp_path: Path) -> None:
    shown = run(tmp_path, "--help").stdout

    for command in ("check", "migrate", "patients import", "run", "tasks export", "reviews", "alerts"):
        assert f" {command} " in shown


def test_an_unmigrated_database_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    result = run(tmp_path, "once")

    assert result.returncode == 1
    assert "registered-receiver migrate" in result.stderr


class Refusing(BaseHTTPRequestHandler):
    """Lets nobody in, at once."""

    def do_GET(self) -> None:
        self.send_error(403)

    def do_POST(self) -> None:
        self.send_error(403)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def refusing_mesh() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_daemon_works_until_a_signal_comes_although_mesh_does_not_let_it_in(
    tmp_path: Path, refusing_mesh: str
) -> None:
    assert run(tmp_path, "migrate").returncode == 0
    env = environment(tmp_path, MESH_URL=refusing_mesh)
    with subprocess.Popen([*PROGRAM, "run"], env=env, stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        assert any("mesh.refused" in line for line in daemon.stderr)
        daemon.send_signal(signal.SIGTERM)
        _, rest = daemon.communicate(timeout=60)

    assert daemon.returncode == 0
    assert "daemon.stopped" in rest
