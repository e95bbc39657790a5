"""The common mistakes of a new installation: each is made, and `check` names what is wrong and says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from federated_sender.__main__ import main as sender_command
from federated_sender.app import Sender
from federated_sender.layout import MissingLibrary
from federated_sender.settings import SenderSettings
from registered_receiver.__main__ import main as receiver_command
from shared.cli import EXIT_CONFIGURATION
from shared.connect import account_of
from shared.mesh.client import MeshClient
from tests.deploy.mistakes import MISTAKES, Mistake, installed, newer_database, open_env_file
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh


@pytest.fixture
def directory() -> Iterator[Path]:
    """Give a directory that everybody may enter, as a careless administrator's: pytest's own is closed."""
    with TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_what_is_right_is_found_right(directory: Path) -> None:
    for command in (sender_command, receiver_command):
        result = installed(command, directory).run("check")

        assert (result.exit_code, "BAD" in result.output) == (0, False), result.output


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_check_names_what_is_wrong_and_says_what_to_do(mistake: Mistake, directory: Path) -> None:
    installation = installed(mistake.command, directory)

    mistake.make(installation)
    result = installation.run("check")

    assert [words for words in mistake.words if words not in result.output] == [], result.output
    advised_only = not any("BAD" in words for words in mistake.words)
    assert result.exit_code == (EXIT_CONFIGURATION if mistake.refused else 0 if advised_only else 1)
    # a secret is never quoted
    assert "a-password" not in result.output


@pytest.mark.parametrize("mistake", [each for each in MISTAKES.values() if each.refused][:3])
def test_the_daemon_refuses_to_start_with_the_same_words(mistake: Mistake, directory: Path) -> None:
    installation = installed(mistake.command, directory)
    mistake.make(installation)

    started, checked = installation.run("run"), installation.run("check")

    assert (started.exit_code, started.output) == (EXIT_CONFIGURATION, checked.output)


def test_a_database_of_a_newer_version_is_not_migrated(directory: Path) -> None:
    installation = installed(sender_command, directory)
    newer_database(installation)

    result = installation.run("migrate")

    assert result.exit_code == 1
    assert "9999, which this version does not know" in result.output


def test_what_is_closed_somewhere_on_the_way_is_not_open(directory: Path) -> None:
    installation = installed(sender_command, directory)
    open_env_file(installation)
    directory.chmod(0o700)

    result = installation.run("check")

    assert (result.exit_code, "BAD" in result.output) == (0, False), result.output


def test_check_finds_a_clock_that_is_not_set(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = installed(sender_command, directory)
    unset = partial(Sender, clock=lambda: datetime(1970, 1, 1, tzinfo=UTC))
    monkeypatch.setattr("federated_sender.__main__.Sender", unset)

    result = installation.run("check")

    assert result.exit_code == 1
    assert "BAD clock: 1970-01-01 00:00:00 UTC; it is not set: start time synchronisation" in result.output


def test_check_finds_a_library_that_is_missing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = installed(sender_command, directory)
    missing = [MissingLibrary("Pango", "libpangoft2-1.0-0", required=True)]
    monkeypatch.setattr("federated_sender.checks.missing_libraries", lambda: missing)

    result = installation.run("check")

    assert result.exit_code == 1
    assert "BAD PDF libraries: Pango is missing: install the Debian package libpangoft2-1.0-0" in result.output


@pytest.mark.parametrize("wrong", ["MESH_MAILBOX_PASSWORD", "MESH_SHARED_KEY", "MESH_MAILBOX_ID"])
def test_check_online_finds_what_mesh_refuses(directory: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    mesh = InMemoryMesh()
    mesh.add_mailbox("ALDERMB1", ods_code="A81001", password="a-password")

    def wired(settings: SenderSettings) -> Sender:
        client = MeshClient(account_of(settings), mesh.clock, mesh.transport)
        return Sender(settings, clock=mesh.clock, mesh=client)

    monkeypatch.setattr("federated_sender.__main__.Sender", wired)
    installation = installed(sender_command, directory)
    installation.set(MESH_SHARED_KEY=SHARED_KEY)
    right = installation.run("check", "--online")
    installation.set(**{wrong: "WRONG"})

    result = installation.run("check", "--online")

    assert (right.exit_code, result.exit_code) == (0, 1)
    assert wrong in next(line for line in result.output.splitlines() if line.startswith("BAD MESH: "))
