"""What a command imports: whoever only looks must not wait for what only the daemon needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DAEMONS = {"federated_sender": "federated-sender", "registered_receiver": "registered-receiver"}
FOR_THE_DAEMON_ALONE = {"alembic", "apscheduler", "fhir", "httpx", "lxml", "structlog", "weasyprint"}
RUN = """
import sys
from {package}.__main__ import main
try:
    main({arguments}, standalone_mode=False)
finally:
    print(*sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""


def imported_by(package: str, directory: Path, *arguments: str) -> set[str]:
    """Return the packages that a command has imported at its end."""
    federation = directory / "federation.csv"
    federation.write_text("ods_code,name,telephone\nA81001,Alder Practice,01632 960010\n")
    environment = {
        "STATE_DIRECTORY": str(directory),
        "PRACTICE_ODS_CODE": "A81001",
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": str(federation),
        "MESH_URL": "http://127.0.0.1:9",
        "MESH_MAILBOX_ID": "ALDERMB1",
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": "key",
    }
    code = RUN.format(package=package, arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("package", DAEMONS)
def test_help_is_printed_without_database_or_settings(package: str, tmp_path: Path) -> None:
    imported = imported_by(package, tmp_path, "--help")

    assert imported & {*FOR_THE_DAEMON_ALONE, "sqlalchemy", "pydantic"} == set()


@pytest.mark.parametrize("package", DAEMONS)
def test_status_imports_nothing_that_only_the_daemon_needs(package: str, tmp_path: Path) -> None:
    imported_by(package, tmp_path, "migrate")

    assert imported_by(package, tmp_path, "status") & FOR_THE_DAEMON_ALONE == set()


def test_the_worklist_is_listed_without_what_only_the_daemon_needs(tmp_path: Path) -> None:
    imported_by("registered_receiver", tmp_path, "migrate")

    assert imported_by("registered_receiver", tmp_path, "tasks") & FOR_THE_DAEMON_ALONE == set()
