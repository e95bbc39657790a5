"""The common mistakes of a new installation: each is made, and `check` names what is wrong and says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from federated_sender.__main__ import main as sender_command
from registered_receiver.__main__ import main as receiver_command
from shared.cli import EXIT_CONFIGURATION
from tests.deploy.mistakes import MISTAKES, Mistake, installed, mesh_that_answers, newer_database, open_env_file


@pytest.fixture
def directory() -> Iterator[Path]:
    """Give a directory that everybody may enter, as a careless administrator's: pytest's own is closed."""
    with TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def same_user() -> Iterator[None]:
    """Be who we were again, whoever a mistake made us."""
    user = os.geteuid()
    yield
    os.seteuid(user)


def test_what_is_right_is_found_right(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (sender_command, receiver_command):
        result = installed(command, directory, monkeypatch).run("check")

        assert (result.exit_code, "BAD" in result.output) == (0, False), result.output


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_check_names_what_is_wrong_and_says_what_to_do(
    mistake: Mistake, directory: Path, monkeypatch: pytest.MonkeyPatch, same_user: None
) -> None:
    installation = installed(mistake.command, directory, monkeypatch)
    if mistake.online:
        mesh_that_answers(installation)
    command = ["check", "--online"] if mistake.online else ["check"]
    right = installation.run(*command)

    mistake.make(installation)
    result = installation.run(*command)

    assert right.exit_code == 0, right.output

    assert [words for words in mistake.words if words not in result.output] == [], result.output
    advised_only = not any("BAD" in words for words in mistake.words)
    assert result.exit_code == (EXIT_CONFIGURATION if mistake.refused else 0 if advised_only else 1)
    # a secret is never quoted
    assert "a-password" not in result.output


@pytest.mark.parametrize("mistake", [each for each in MISTAKES.values() if each.refused][:3])
def test_the_daemon_refuses_to_start_with_the_same_words(
    mistake: Mistake, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = installed(mistake.command, directory, monkeypatch)
    mistake.make(installation)

    started, checked = installation.run("run"), installation.run("check")

    assert (started.exit_code, started.output) == (EXIT_CONFIGURATION, checked.output)


def test_a_database_of_a_newer_version_is_not_migrated(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = installed(sender_command, directory, monkeypatch)
    newer_database(installation)

    result = installation.run("migrate")

    assert result.exit_code == 1
    assert "9999, which this version does not know" in result.output


def test_what_is_closed_somewhere_on_the_way_is_not_open(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = installed(sender_command, directory, monkeypatch)
    open_env_file(installation)
    directory.chmod(0o700)

    result = installation.run("check")

    assert (result.exit_code, "BAD" in result.output) == (0, False), result.output


def test_a_secret_that_is_mounted_into_a_container_is_guarded_by_the_host(directory: Path) -> None:
    (directory / "secret").write_text("a-key\n")
    (directory / "secret").chmod(0o644)
    (directory / "mounted").touch()
    settings = {"PRACTICE_ODS_CODE": "B82002", "MESH_URL": "https://mesh.example", "MESH_MAILBOX_ID": "BIRCHMB1"}
    settings |= {"STATE_DIRECTORY": f"{directory}/state", "MESH_MAILBOX_PASSWORD": "x"}
    settings |= {"MESH_SHARED_KEY_FILE": f"{directory}/mounted", "PATH": os.environ["PATH"]}
    program = (
        f"mount --bind {directory}/secret {directory}/mounted && exec {sys.executable} -m registered_receiver check"
    )
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("this machine gives nobody a namespace of their own")

    done = subprocess.run([*namespace, "sh", "-c", program], env=settings, capture_output=True, text=True, timeout=60)

    assert "BAD MESH_SHARED_KEY_FILE" not in done.stdout
    assert "ok  secrets: not every user can read MESH_SHARED_KEY_FILE" in done.stdout


def test_there_are_more_than_the_twenty_most_common() -> None:
    assert len(MISTAKES) > 20
