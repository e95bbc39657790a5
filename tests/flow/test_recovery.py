"""A lost database, brought back from a backup by the very commands of ``docs/operations.md``."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from federated_sender import reconcile, resending
from tests.federated_sender.bench import CONSULTATION, consultation
from tests.flow.bench import Flow

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
SECOND = "5d2f7c1a-90b4-4c6e-8b2a-3e1f0d9c7b62"

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the shell of SQLite is not here"),
]
Wire = Callable[[], Flow]


def block(section: str) -> str:
    """Return the first commands of a section of the page."""
    commands = re.search(rf"^##+ {section}$.*?^ *```sh\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
    assert commands is not None
    return commands[1]


def shell(commands: str) -> None:
    subprocess.run(["sh", "-e", "-c", commands], check=True, timeout=60)


def back_up(database: Path) -> Path:
    """Do what the page says while the daemon runs; return the copy."""
    directory = database.with_suffix(".backup")
    directory.mkdir()
    commands = block("SQLite, while the daemon runs")
    commands = commands.replace("/var/lib/federated-sender/A81001/federated-sender.sqlite3", str(database))
    shell(commands.replace("/backup/", f"{directory}/"))
    (copy,) = directory.iterdir()
    return copy


def restore(copy: Path, database: Path) -> None:
    """Do what the page says, with the daemon stopped."""
    commands = block("Restore").replace("/var/lib/federated-sender/A81001", str(database.parent))
    commands = commands.replace("/backup/A81001-2026-11-21-2300.sqlite3", str(copy))
    shell(commands.replace("federated-sender.sqlite3", database.name))


@pytest.fixture
def senders_file(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite3"


@pytest.fixture
def receivers_file(tmp_path: Path) -> Path:
    return tmp_path / "receiver-B82002.sqlite3"


def restart(flow: Flow, wire: Wire) -> Flow:
    """Stop both daemons and start them on what lies on the disk."""
    flow.sender.database.close()
    flow.receiver.receiver.close()
    return wire()


def in_mesh(flow: Flow) -> list[str]:
    """Return the local ids of all that was ever sent to the registered practice."""
    return [message.local_id for message in flow.mesh.messages.values() if message.recipient == "BIRCHMB1"]


def lose(flow: Flow, wire: Wire, copy: Path, file: Path) -> Flow:
    """Lose the sender's database, and start anew with the copy."""
    flow.sender.database.close()
    restore(copy, file)
    return restart(flow, wire)


@pytest.mark.parametrize("state", ["waiting", "queued", "sent"])
def test_what_was_sent_since_the_backup_is_recognised_in_mesh_and_not_sent_again(
    flow: Flow, wire: Wire, senders_file: Path, state: str
) -> None:
    flow.sender.enqueue(consultation())
    if state != "waiting":
        flow.pass_time(hours=4)
        flow.sender.step("send")
    if state == "sent":
        flow.sender.once()
    at_the_backup, copy = flow.sender.only()["state"], back_up(senders_file)
    flow.pass_time(hours=4)
    flow.exchange()
    before, sent = flow.sender.only(), in_mesh(flow)

    again = lose(flow, wire, copy, senders_file)
    again.exchange()

    after = again.sender.only()
    assert (at_the_backup, before["state"], after["state"]) == (state, "delivered", "sent")
    same = ("report_id", "message_id", "mesh_message_id")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert in_mesh(again) == sent == [f"{after['report_id']}.1"]
    assert [task["state"] for task in again.receiver.tasks()] == ["open"]


def test_the_responses_that_went_to_the_lost_database_are_missed_and_a_resend_is_answered(
    flow: Flow, wire: Wire, senders_file: Path
) -> None:
    flow.sender.enqueue(consultation())
    copy = back_up(senders_file)
    flow.pass_time(hours=4)
    flow.exchange()
    again = lose(flow, wire, copy, senders_file)
    again.exchange()

    again.pass_time(days=1)
    again.sender.once()
    (alert,) = again.sender.alerts()
    with again.sender.database.transaction() as session:
        resending.resend(session, alert["subject_id"], "restored", again.sender.now(), "tester", again=False)
    again.exchange()
    # what was answered while it was on its way waits a while
    again.pass_time(hours=1)
    again.exchange()

    assert alert["kind"] == "infrastructure_overdue"
    assert "collected it and has not answered" in alert["text"]
    assert again.state() == ("accepted", "20007", None)
    assert in_mesh(again) == [f"{alert['subject_id']}.1", f"{alert['subject_id']}.2"]
    assert [task["state"] for task in again.receiver.tasks()] == ["open"]


def test_a_resend_that_was_asked_for_before_the_backup_is_recognised_too(
    flow: Flow, wire: Wire, senders_file: Path
) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.sender.once()
    report = flow.sender.only()["report_id"]
    with flow.sender.database.transaction() as session:
        resending.resend(session, report, "they lost it", flow.sender.now(), "tester", again=False)
    copy = back_up(senders_file)
    flow.pass_time(hours=1)
    flow.sender.once()
    sent = in_mesh(flow)

    again = lose(flow, wire, copy, senders_file)
    again.sender.once()

    assert again.sender.only()["state"] == "sent"
    assert in_mesh(again) == sent == [f"{report}.1", f"{report}.2"]


def test_mesh_is_not_asked_about_what_was_written_since_the_start(flow: Flow) -> None:
    flow.pass_time(hours=1)
    flow.sender.enqueue(consultation(updated_at=flow.sender.now().isoformat()))
    flow.pass_time(hours=4)

    flow.sender.once()

    assert flow.sender.only()["state"] == "sent"
    assert [path for _, path in flow.mesh.requests if "tracking" in path] == []


def test_an_update_that_was_sent_since_the_backup_is_recognised_once_the_row_is_written_again(
    flow: Flow, wire: Wire, senders_file: Path
) -> None:
    flow.sender.enqueue(consultation())
    copy = back_up(senders_file)
    update = consultation(
        updated_at="2026-11-20T17:55:00+00:00", notes=[{"heading": "Plan", "items": [{"text": "Rest"}]}]
    )
    flow.sender.enqueue(update)
    flow.pass_time(hours=4)
    flow.exchange()
    before, sent = flow.sender.only(), in_mesh(flow)

    again = lose(flow, wire, copy, senders_file)
    again.sender.enqueue(update)
    again.exchange()

    after = again.sender.only()
    assert (after["state"], after["version"], after["message_id"]) == ("sent", 1, before["message_id"])
    assert in_mesh(again) == sent
    assert len(again.receiver.tasks()) == 1


def test_what_was_enqueued_since_the_backup_is_listed_and_enqueued_again_it_is_no_second_report(
    flow: Flow, wire: Wire, senders_file: Path, tmp_path: Path
) -> None:
    copy = back_up(senders_file)
    flow.sender.enqueue(consultation(), consultation(consultation_id=SECOND))
    flow.pass_time(hours=4)
    flow.sender.once()
    sent = {report["message_id"] for report in flow.sender.status()}
    messages = in_mesh(flow)
    again = lose(flow, wire, copy, senders_file)
    again.receiver.once()
    again.sender.once()
    days = tmp_path / "days.csv"
    days.write_text(f"consultation_id\n{CONSULTATION}\n{SECOND}\n")

    with again.sender.database.snapshot() as session:
        missing = reconcile.missing(session, reconcile.read_expected(days).identifiers)
    for_nobody = {alert["kind"] for alert in again.sender.alerts()}
    again.sender.enqueue(consultation(), consultation(consultation_id=SECOND))
    again.exchange()

    assert missing == [CONSULTATION, SECOND]
    assert for_nobody == {"response_for_nobody"}
    assert {report["message_id"] for report in again.sender.status()} == sent
    assert {report["state"] for report in again.sender.status()} == {"sent"}
    assert in_mesh(again) == messages
    assert len(again.receiver.tasks()) == 2


def test_what_still_lies_in_mesh_when_the_receiver_is_restored_is_filed_once(
    flow: Flow, wire: Wire, receivers_file: Path
) -> None:
    copy = back_up(receivers_file)
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.sender.once()
    flow.receiver.database.close()
    restore(copy, receivers_file)

    again = restart(flow, wire)
    again.exchange()

    assert again.state() == ("delivered", "20013", "30001")
    assert [task["state"] for task in again.receiver.tasks()] == ["open"]


def test_a_report_that_the_lost_receiver_had_is_sent_again_and_filed_once(
    flow: Flow, wire: Wire, receivers_file: Path
) -> None:
    copy = back_up(receivers_file)
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.sender.once()
    flow.receiver.step("collect")
    flow.receiver.database.close()
    restore(copy, receivers_file)
    again = restart(flow, wire)
    lost = again.receiver.tasks()

    for _ in range(2):
        with again.sender.database.transaction() as session:
            report, now = again.sender.only()["report_id"], again.sender.now()
            resending.resend(session, report, "the registered practice lost its database", now, "tester", again=True)
        again.sender.once()
        again.receiver.once()
    # what was answered while the second was on its way waits a while
    again.pass_time(hours=1)
    again.exchange()

    assert lost == []
    assert again.state() == ("delivered", "20013", "30001")
    assert [task["state"] for task in again.receiver.tasks()] == ["open"]


def test_a_delivered_report_that_the_receiver_lost_comes_back_as_the_next_version(
    flow: Flow, wire: Wire, receivers_file: Path
) -> None:
    copy = back_up(receivers_file)
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.exchange()
    flow.receiver.database.close()
    restore(copy, receivers_file)
    again = restart(flow, wire)

    with again.sender.database.transaction() as session:
        resending.reissue(session, again.sender.intake, CONSULTATION, "lost there", "tester", again=False)
    again.exchange()

    assert again.state(2) == ("delivered", "20013", "30001")
    assert [(task["state"], task["version"]) for task in again.receiver.tasks()] == [("open", 2)]
