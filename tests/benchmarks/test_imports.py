"""What a command imports: whoever only looks must not wait for what only the daemon needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DAEMONS = {"federated_sender": "federated-sender", "registered_receiver": "registered-receiver"}
FOR_THE_DAEMON_ALONE = {"alembic", "apscheduler", "fhir", "httpx", "lxml", "structlog", "weasyprint"}
# the database is SQLite, and of the tables two or three are looked at
NOT_FOR_STATUS = {
    "sqlalchemy.dialects.postgresql",
    "shared.alerts",
    "shared.audit",
    "shared.heartbeat",
    "shared.itk3.naming",
    "shared.mesh.messages",
    "shared.outage",
    "shared.web.tables",
}
NOT_FOR_STATUS_OF = {
    "federated_sender": {"backlog", "ledger", "outbox_tables", "records", "tables"},
    "registered_receiver": {"backlog", "id_tables", "ledger", "matching", "patient_tables", "records", "tables"},
}
RUN = """
import sys
from {package}.__main__ import main
try:
    main({arguments}, standalone_mode=False)
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported_by(package: str, directory: Path, *arguments: str) -> set[str]:
    """Return the modules that a command has imported at its end, and their packages."""
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
def test_status_imports_nothing_that_others_need(package: str, tmp_path: Path) -> None:
    imported_by(package, tmp_path, "migrate")

    imported = imported_by(package, tmp_path, "status")

    assert imported & FOR_THE_DAEMON_ALONE == set()
    assert imported & {*NOT_FOR_STATUS, *(f"{package}.{name}" for name in NOT_FOR_STATUS_OF[package])} == set()


def test_the_worklist_is_listed_without_what_only_the_daemon_needs(tmp_path: Path) -> None:
    imported_by("registered_receiver", tmp_path, "migrate")

    assert imported_by("registered_receiver", tmp_path, "tasks") & FOR_THE_DAEMON_ALONE == set()
