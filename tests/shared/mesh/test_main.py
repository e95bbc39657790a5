"""The operator's tool, against MESH in memory behind a real socket."""

from __future__ import annotations

import errno
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shared.clock import system_clock
from shared.mesh.__main__ import main
from tests.fakes import mesh_faults as faults
from tests.fakes.fault_server import FaultServer
from tests.fakes.mesh import InMemoryMesh
from tests.shared.mesh.conftest import RECEIVER, SENDER

Run = Callable[..., Result]
WORKFLOW = "GPFED_CONSULT_REPORT"


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh(system_clock)
    mesh.add_mailbox(SENDER, ods_code="B82002")
    mesh.add_mailbox(RECEIVER, ods_code="A81001")
    return mesh


@pytest.fixture
def env_file(mesh: InMemoryMesh, tmp_path: Path) -> Iterator[Path]:
    with FaultServer(mesh) as server:
        account = server.account(SENDER)
        file = tmp_path / "mesh.env"
        file.write_text(
            f"MESH_URL={account.url}\nMESH_MAILBOX_ID={SENDER}\nMESH_MAILBOX_PASSWORD={account.password}\n"
            f"MESH_SHARED_KEY={account.shared_key}\nPRACTICE_ODS_CODE=B82002\nLOG_LEVEL=info\n"
        )
        yield file


@pytest.fixture
def run(env_file: Path) -> Run:
    def command(*arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["--env-file", str(env_file), *arguments], input=typed)

    return command


def document(result: Result) -> object:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_handshake_tells_who_was_let_in_and_how_the_clocks_compare(run: Run) -> None:
    shown = document(run("handshake", "--json"))

    assert isinstance(shown, dict)
    assert (shown["mailbox_id"], shown["handshake"]) == (SENDER, "ok")
    assert abs(shown["clock_ahead_seconds"]) <= 2


def test_a_wrong_password_ends_with_1_and_says_what_to_check(run: Run, env_file: Path) -> None:
    env_file.write_text(env_file.read_text().replace("PASSWORD=password", "PASSWORD=wrong"))

    result = run("handshake")

    assert result.exit_code == 1
    assert "MESH_MAILBOX_PASSWORD" in result.stderr
    assert "wrong" not in result.output


def test_unusable_settings_end_with_78_and_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MESH_URL", "MESH_MAILBOX_ID", "MESH_MAILBOX_PASSWORD", "MESH_SHARED_KEY"):
        monkeypatch.delenv(name, raising=False)

    result = CliRunner().invoke(main, ["list"])

    assert result.exit_code == 78
    assert result.stderr.count("is required") == 4


def test_the_mailbox_is_listed_and_filtered(run: Run, mesh: InMemoryMesh) -> None:
    first, second = mesh.put(SENDER, b"x"), mesh.put(SENDER, b"x", workflow_id="PATHOLOGY")

    assert document(run("list", "--json")) == [first, second]
    assert document(run("list", "--workflow-filter", "PATH*", "--json")) == [second]
    assert run("list").stdout.split() == [first, second]


def test_what_may_name_a_patient_is_masked_unless_asked_for(run: Run, mesh: InMemoryMesh) -> None:
    message_id = mesh.put(SENDER, b"x", subject="Report for Smith", sender=RECEIVER)

    masked, plain = document(run("head", message_id, "--json")), run("head", message_id, "--reveal")

    assert isinstance(masked, dict)
    assert (masked["subject"], masked["sender"], masked["message_type"]) == ("***", RECEIVER, "DATA")
    assert "Report for Smith" in plain.stdout


def test_a_message_is_downloaded_into_a_new_file_for_its_owner_alone_and_stays(
    run: Run, mesh: InMemoryMesh, tmp_path: Path
) -> None:
    message_id, target = mesh.put(SENDER, b"content" * 9), tmp_path / "message.xml"

    shown = document(run("get", message_id, "--to", str(target), "--json"))

    assert isinstance(shown, dict)
    assert (shown["file"], shown["size"]) == (str(target), 63)
    assert target.read_bytes() == b"content" * 9
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert len(mesh.inbox(SENDER)) == 1


def test_no_file_is_ever_overwritten(run: Run, mesh: InMemoryMesh, tmp_path: Path) -> None:
    message_id, target = mesh.put(SENDER, b"content"), tmp_path / "message.xml"
    target.write_text("mine")

    result = run("get", message_id, "--to", str(target))

    assert result.exit_code == 1
    assert target.read_text() == "mine"


def test_a_message_that_is_not_there_ends_with_1(run: Run, tmp_path: Path) -> None:
    result = run("get", "UNKNOWN", "--to", str(tmp_path / "x"))

    assert result.exit_code == 1
    assert "404" in result.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(("typed", "acknowledged"), [("y\n", True), ("n\n", False), ("", False)])
def test_a_message_is_acknowledged_only_when_the_operator_is_sure(
    run: Run, mesh: InMemoryMesh, typed: str, acknowledged: bool
) -> None:
    message_id = mesh.put(SENDER, b"x")

    result = run("ack", message_id, typed=typed)

    assert (result.exit_code == 0) is acknowledged
    assert mesh.acknowledged == [message_id] * acknowledged


def test_a_script_acknowledges_without_a_question(run: Run, mesh: InMemoryMesh) -> None:
    message_id = mesh.put(SENDER, b"x")

    assert document(run("ack", message_id, "--yes", "--json")) == {"message_id": message_id, "acknowledged": True}


def test_a_file_is_sent_and_tracked_by_both_ids(run: Run, mesh: InMemoryMesh, tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(b"<Bundle/>")

    options = ("--to", RECEIVER, "--workflow", WORKFLOW, "--local-id", "L1", "--subject", "A test", "--json")
    sent = document(run("send", str(file), *options))

    (posted,) = mesh.posts
    assert sent == {"message_id": posted.message_id, "local_id": "L1"}
    assert (posted.body, posted.recipient, posted.subject) == (b"<Bundle/>", RECEIVER, "A test")
    assert document(run("track", posted.message_id, "--json")) == {
        "message_id": posted.message_id, "status": "accepted", "recipient": RECEIVER,
    }  # fmt: skip
    assert document(run("track-local", "L1", "--json")) == {
        "local_id": "L1", "taken": "once", "message_id": posted.message_id,
    }  # fmt: skip


def test_the_address_of_a_patient_is_read_from_the_standard_input_and_is_no_argument(
    run: Run, mesh: InMemoryMesh, tmp_path: Path
) -> None:
    file, address = tmp_path / "message.xml", "GPPROVIDER_9690937278_19570109_Smith"
    file.write_bytes(b"<Bundle/>")
    options = ("send", str(file), "--workflow", WORKFLOW, "--local-id", "L1")

    refused = run(*options, "--to", address)
    sent = run(*options, "--to", "-", typed=f"{address}\n")

    assert refused.exit_code == 2
    assert sent.exit_code == 0
    assert [each.addressed_to for each in mesh.posts] == [address]
    assert "Smith" not in refused.output + sent.output


def test_a_send_that_may_have_got_through_is_to_be_looked_up_before_it_is_sent_again(
    run: Run, mesh: InMemoryMesh, tmp_path: Path
) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(b"<Bundle/>")
    mesh.fail_next("POST", "outbox", faults.answer_after(500))

    result = run("send", str(file), "--to", RECEIVER, "--workflow", WORKFLOW, "--local-id", "L1")

    assert result.exit_code == 1
    assert "track-local" in result.stderr


def test_the_mailbox_of_an_organisation_is_looked_up(run: Run) -> None:
    found = [{"mailbox_id": RECEIVER, "mailbox_name": "Mailbox of A81001"}]

    assert document(run("lookup", "A81001", WORKFLOW, "--json")) == found
    assert run("lookup", "A81001", WORKFLOW).stdout.startswith(RECEIVER)
    assert document(run("lookup", "A81001", "PATHOLOGY", "--json")) == []
    assert run("lookup", "A81001", "PATHOLOGY").exit_code == 1


def test_of_a_message_larger_than_anything_no_part_is_written(
    run: Run, mesh: InMemoryMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.mesh.__main__._LARGEST", 10)
    message_id = mesh.put(SENDER, bytes(11))

    result = run("get", message_id, "--to", str(tmp_path / "x"))

    assert (result.exit_code, (tmp_path / "x").exists()) == (1, False)


def test_a_full_disk_leaves_no_part_of_a_message_behind(
    run: Run, mesh: InMemoryMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shared.mesh.__main__.copyfileobj", full)
    message_id = mesh.put(SENDER, b"content")

    result = run("get", message_id, "--to", str(tmp_path / "x"))

    assert (result.exit_code, (tmp_path / "x").exists()) == (1, False)
    assert "No space left" in result.stderr
