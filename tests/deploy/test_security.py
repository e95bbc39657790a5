"""The threat model names defences that are there; what we stand on is pinned and was audited."""

from __future__ import annotations

import ast
import re
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.lock.audit import Acceptance, faults, main, pins, read_accepted
from registered_receiver.__main__ import main as receiver_command
from tests.fakes.mesh import SHARED_KEY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
LOCKS = sorted((ROOT / "deploy" / "lock").glob("*.txt"))
ATTACKERS = (
    "A hostile sender in the federation",
    "A stolen laptop, disk or backup",
    "A curious administrator",
    "A compromised MESH mailbox",
    "Somebody who can write into the MESH client's folders",
    "A hostile row of the clinical system",
    "Somebody with a browser",
    "Somebody on the network",
    "A hostile dependency",
)


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(TEST.findall(PAGE))

    missing = [f"{file}::{test}" for file, test in named if f"\ndef {test}(" not in (ROOT / file).read_text()]

    assert len(named) > 40
    assert missing == []


# what nothing of ours can stop; the page says what is left
BEYOND_US = {"Finds out who is a patient here", "Sends reports as the practice"}


def section(attacker: str) -> str:
    return PAGE.partition(f"\n## {attacker}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_something_that_is_tested_stops_each_thing_that_each_attacker_tries(attacker: str) -> None:
    tried = re.findall(r"^- \*\*(.+?)\*\*:(.*?)(?=^- |^$|\Z)", section(attacker), re.MULTILINE | re.DOTALL)

    assert tried
    assert {what for what, lines in tried if not TEST.search(lines)} <= BEYOND_US


def test_every_attacker_of_the_page_is_looked_at() -> None:
    with_attempts = {
        heading for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE) if "\n- **" in section(heading)
    }

    assert with_attempts == set(ATTACKERS)


# documents are looked at from outside only
READERS_OF_DOCUMENTS = {"pypdf", "PyPDF2", "fitz", "pdfminer", "weasyprint", "PIL", "docx", "zipfile", "olefile", "bs4"}


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_nothing_of_the_receiver_opens_a_document() -> None:
    files = [file for package in ("registered_receiver", "shared") for file in (ROOT / package).rglob("*.py")]

    found = {file.name: imports(file) & READERS_OF_DOCUMENTS for file in files}

    assert files
    assert {name: what for name, what in found.items() if what} == {}


def test_the_state_directory_and_what_lies_in_it_are_for_the_daemon_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    environment = {
        "STATE_DIRECTORY": str(state),
        "PRACTICE_ODS_CODE": "B82002",
        "MESH_URL": "http://127.0.0.1:9",
        "MESH_MAILBOX_ID": "BIRCHMB1",
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": SHARED_KEY,
    }

    result = CliRunner().invoke(receiver_command, ["migrate"], env=environment)
    made = stat.S_IMODE(state.stat().st_mode)
    state.chmod(0o755)
    checked = CliRunner().invoke(receiver_command, ["check"], env=environment)

    assert result.exit_code == 0, result.output
    assert made == 0o700
    assert f"run `chmod 700 {state}`" in checked.output


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_package_of_every_lock_is_pinned_by_hashes(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]

    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry] == []


# What pip-audit says, recorded and cut to what is read of it.
LOCKED = [("alembic", "1.20.1"), ("typing-extensions", "4.16.0")]
CLEAN = {"name": "alembic", "version": "1.20.1", "vulns": []}
OTHER_CLEAN = {"name": "typing_extensions", "version": "4.16.0", "vulns": []}
SKIPPED = {"name": "typing-extensions", "skip_reason": "Dependency not found on PyPI and could not be audited"}
FINDING = {"id": "PYSEC-2026-1", "fix_versions": ["1.20.2"], "aliases": ["GHSA-aaaa-bbbb-cccc"], "description": "x"}
VULNERABLE = {**CLEAN, "vulns": [FINDING]}
TODAY = date(2026, 11, 22)
UNTIL_SPRING = Acceptance("GHSA-aaaa-bbbb-cccc", "alembic", "no such database here", date(2027, 3, 31))
OVER = Acceptance("PYSEC-2026-1", "Alembic", "no such database here", date(2026, 11, 21))
ELSEWHERE = Acceptance("PYSEC-2026-1", "mako", "another package", date(2027, 3, 31))
OPEN = "alembic 1.20.1 has PYSEC-2026-1, mended in 1.20.2"


@pytest.mark.parametrize(
    ("answered", "accepted", "said"),
    [
        ([CLEAN, OTHER_CLEAN], [], []),
        ([CLEAN], [], ["typing-extensions 4.16.0 was not audited: no answer"]),
        ([CLEAN, SKIPPED], [], [f"typing-extensions 4.16.0 was not audited: {SKIPPED['skip_reason']}"]),
        ([{**CLEAN, "version": "1.0"}, OTHER_CLEAN], [], ["alembic 1.20.1 was not audited: no answer"]),
        ([], [], [f"{name} {version} was not audited: no answer" for name, version in LOCKED]),
        ([VULNERABLE, OTHER_CLEAN], [], [OPEN]),
        ([VULNERABLE, OTHER_CLEAN], [UNTIL_SPRING], []),
        ([VULNERABLE, OTHER_CLEAN], [OVER], [f"{OPEN}; it was accepted until 2026-11-21: look at it again"]),
        ([VULNERABLE, OTHER_CLEAN], [ELSEWHERE], [OPEN]),
        (
            [CLEAN, OTHER_CLEAN],
            [UNTIL_SPRING],
            ["GHSA-aaaa-bbbb-cccc is accepted and not found any more: take it out"],
        ),
    ],
    ids=["clean", "one missing", "one skipped", "another version", "no service", "weak", "accepted", "over",
         "accepted elsewhere", "accepted for nothing"],
)  # fmt: skip
def test_the_audit_fails_unless_every_package_was_audited_and_nothing_stands_open(
    answered: list[dict[str, Any]], accepted: list[Acceptance], said: list[str]
) -> None:
    assert faults(LOCKED, {"dependencies": answered, "fixes": []}, accepted, TODAY) == said


def test_the_packages_of_every_platform_are_audited() -> None:
    lock = (
        "alembic==1.20.1 \\\n    --hash=sha256:00\n    # via x\n"
        "psycopg-binary[pool]==3.3.4 ; implementation_name != 'pypy' \\\n    --hash=sha256:00\n"
        "Typing_Extensions==4.16.0 \\\n    --hash=sha256:00\n"
    )

    assert pins(lock) == [("alembic", "1.20.1"), ("psycopg-binary", "3.3.4"), ("typing-extensions", "4.16.0")]
    assert len(pins((ROOT / "deploy" / "lock" / "runtime.txt").read_text())) > 30


@pytest.mark.parametrize("missing", ["id", "package", "reason", "until"])
def test_an_accepted_finding_without_reason_date_or_name_is_refused(missing: str) -> None:
    parts = {"id": '"X-1"', "package": '"alembic"', "reason": '"because"', "until": "2027-03-31"}
    whole = "[[accepted]]\n" + "".join(f"{name} = {value}\n" for name, value in parts.items())

    assert read_accepted(whole) == [Acceptance("X-1", "alembic", "because", date(2027, 3, 31))]
    with pytest.raises(ValueError, match="needs id, package, reason, until"):
        read_accepted("\n".join(line for line in whole.splitlines() if not line.startswith(missing)))


def test_what_is_accepted_now_can_be_read() -> None:
    assert read_accepted((ROOT / "deploy" / "lock" / "accepted.toml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("prints", ["exit 1", "echo nonsense", "echo []"])
def test_an_audit_without_an_answer_fails_and_says_so(
    prints: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\necho the service is away >&2\n{prints}\n")
    program.chmod(0o755)

    status = main(str(program))

    assert status == 1
    assert "pip-audit gave no answer: the service is away" in capsys.readouterr().out
