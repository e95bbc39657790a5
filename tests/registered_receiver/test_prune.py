from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from registered_receiver.id_tables import ProcessedId
from registered_receiver.matching import IndexedPatient
from registered_receiver.tables import Audit, Blob, MessageBody, TaskDocument, TaskDrop, Timeline
from shared.db import Database
from tests.fakes.mesh_faults import answer
from tests.registered_receiver.bench import INDEXED_SMITH, JPEG, SMITH, ReceiverBench, person, report
from tests.registered_receiver.conftest import MakeReceiver

EIGHT_YEARS = 8 * 366
JONES = IndexedPatient("9690937286", "Jones", "Ann", SMITH.birth_date, "registered")
OTHER_CONSULTATION = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e02"


def count(database: Database, table: type) -> int:
    with database.snapshot() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def everything_in(database: Database) -> str:
    """Return all that the tables hold, as text."""
    tables = ("message", "message_body", "response", "task", "task_document", "blob", "review", "timeline", "alert")
    with database.snapshot() as session:
        rows = [str(row) for table in tables for row in session.execute(text(f"SELECT * FROM {table}"))]
    return "\n".join(rows)


def complete(receiver: ReceiverBench) -> str:
    task_id = str(receiver.tasks()[0]["task_id"])
    receiver.receiver.desk.complete(task_id)
    return task_id


@pytest.fixture
def finished(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver whose only report was filed and dealt with."""
    receiver.deliver(report())
    receiver.once()
    complete(receiver)
    return receiver


def test_what_was_finished_is_kept_for_the_retention_and_then_given_up(finished: ReceiverBench) -> None:
    finished.pass_time(days=365 * 7)
    finished.once()
    before = (count(finished.database, MessageBody), count(finished.database, Blob))

    finished.pass_time(days=400)
    finished.once()

    assert before == (1, 2)
    assert [count(finished.database, table) for table in (MessageBody, Blob, TaskDocument)] == [0, 0, 0]
    everything = everything_in(finished.database)
    assert not any(value in everything for value in ("Smith", "Richard", "1957", "Rash", str(JPEG)))


def test_of_what_was_pruned_record_timeline_audit_and_task_stay(finished: ReceiverBench) -> None:
    before = finished.only()
    lines, acts = count(finished.database, Timeline), count(finished.database, Audit)
    finished.pass_time(days=EIGHT_YEARS)

    finished.once()

    assert finished.only() == before
    assert finished.timeline(before["mesh_message_id"])[-1] == "pruned"
    assert (count(finished.database, Timeline), count(finished.database, Audit)) == (lines + 1, acts)
    (task,) = finished.tasks()
    assert (task["state"], task["subject"], task["documents"]) == ("completed", "", [])
    assert task["nhs_number"] == "9690937278"


def test_whoever_asks_for_what_was_pruned_is_told_so(finished: ReceiverBench, tmp_path: Path) -> None:
    finished.pass_time(days=EIGHT_YEARS)
    finished.once()
    message = finished.only()
    at = f"{finished.now():%Y-%m-%dT%H:%M:%S}"

    assert finished.json("show", message["task_id"], "--json")["record"]["pruned_at"].startswith(at)
    assert finished.json("tasks", "show", message["task_id"], "--json")["pruned_at"].startswith(at)
    for command in (("tasks", "export", message["task_id"]), ("messages", "export", message["mesh_message_id"])):
        result = finished.command(*command, "--to", str(tmp_path / "out"))
        assert (result.exit_code, f"pruned at {at}" in result.output) == (1, True)
    assert not (tmp_path / "out").exists()


def test_a_report_that_comes_again_after_it_was_pruned_is_still_a_duplicate(finished: ReceiverBench) -> None:
    finished.pass_time(days=EIGHT_YEARS)
    finished.once()

    finished.deliver(report())
    finished.once()

    assert finished.messages()[0]["infrastructure_code"] == "20007"
    assert count(finished.database, ProcessedId) == 2


def test_a_response_that_was_set_aside_and_pruned_is_not_sent_without_its_bytes(receiver: ReceiverBench) -> None:
    receiver.deliver(report(patient=person(nhs_number="9434765919", family="Nobody", birth_date=date(1990, 1, 1))))
    receiver.mesh.fail_next("POST", "/outbox", answer(417, b'{"detail":[{"event":"SEND","code":"12","msg":"x"}]}'))
    receiver.once()
    receiver.command("alerts", "close", receiver.alerts()[0]["alert_id"], "--reason", "told by telephone")
    receiver.pass_time(days=EIGHT_YEARS)
    receiver.once()

    result = receiver.command("retry", receiver.only()["mesh_message_id"])

    assert (result.exit_code, "were pruned" in result.output) == (1, True)
    assert receiver.answers() == ["30002"]


def test_retention_counts_from_when_the_task_was_dealt_with(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.once()
    receiver.pass_time(days=365 * 7)
    complete(receiver)
    receiver.pass_time(days=365 * 7)

    receiver.once()
    assert count(receiver.database, MessageBody) == 1

    receiver.pass_time(days=400)
    receiver.once()
    assert count(receiver.database, MessageBody) == 0


def test_a_superseded_task_counts_from_then_and_its_documents_stay_until_then(receiver: ReceiverBench) -> None:
    receiver.deliver(report(1))
    receiver.once()
    receiver.pass_time(days=365 * 7)
    receiver.deliver(report(2))
    receiver.once()
    receiver.pass_time(days=365 * 7)
    receiver.once()
    kept = count(receiver.database, TaskDocument)

    receiver.pass_time(days=400)
    receiver.once()

    assert (kept, count(receiver.database, TaskDocument)) == (4, 2)
    # the newer task is open and has the same photograph
    assert count(receiver.database, Blob) == 2
    assert count(receiver.database, MessageBody) == 1


def test_what_is_unfinished_is_never_pruned(receiver: ReceiverBench) -> None:
    open_task = receiver.deliver(report())
    in_review = receiver.deliver(report(patient=person(family="Smyth"), consultation_id=OTHER_CONSULTATION))
    receiver.once()

    for _ in range(3):
        receiver.pass_time(days=EIGHT_YEARS)
        receiver.once()

    assert {message["mesh_message_id"] for message in receiver.messages()} == {open_task, in_review}
    assert count(receiver.database, MessageBody) == 2


def test_what_an_alert_is_open_about_is_never_pruned(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report(patient=person(nhs_number="9690937286", family="Jones")))
    receiver.once()
    receiver.mesh.report(receiver.posts()[1].message_id)
    receiver.once()
    receiver.pass_time(days=EIGHT_YEARS)
    receiver.once()
    kept = count(receiver.database, MessageBody)
    (alert,) = receiver.alerts()
    receiver.command("alerts", "close", alert["alert_id"], "--reason", "telephoned")

    receiver.once()

    assert (kept, count(receiver.database, MessageBody)) == (1, 0)
    assert receiver.timeline(mesh_id)[-1] == "pruned"


def test_an_open_alert_about_a_task_keeps_the_message_of_the_task(finished: ReceiverBench) -> None:
    finished.know(JONES)
    finished.pass_time(minutes=1)
    finished.deliver(report(2, patient=person(nhs_number="9690937286", family="Jones")))
    finished.once()
    complete(finished)
    finished.pass_time(days=EIGHT_YEARS)

    finished.once()

    assert [alert["kind"] for alert in finished.alerts()] == ["patient_differs"]
    assert count(finished.database, MessageBody) == 1


def test_a_response_that_is_still_on_its_way_keeps_its_message(receiver: ReceiverBench) -> None:
    receiver.deliver(report(patient=person(nhs_number="9690937286", family="Jones")))
    receiver.step("collect")
    receiver.step("process")
    receiver.pass_time(days=EIGHT_YEARS)

    assert receiver.step("prune") == 0

    assert count(receiver.database, MessageBody) == 1


def test_a_response_that_was_set_aside_keeps_nothing_once_a_person_closed_its_alert(receiver: ReceiverBench) -> None:
    receiver.deliver(b"nonsense", subject="about Smith")
    receiver.step("collect")
    receiver.step("process")
    receiver.mesh.fail_next("POST", "outbox$", answer(417, b""))
    receiver.once()
    receiver.pass_time(days=EIGHT_YEARS)
    assert receiver.step("prune") == 0
    (alert,) = receiver.alerts()
    receiver.command("alerts", "close", alert["alert_id"], "--reason", "telephoned")

    assert receiver.step("prune") == 1


def test_rejected_and_ignored_messages_are_pruned_too_with_their_subjects(receiver: ReceiverBench) -> None:
    receiver.deliver(b"nonsense", subject="about Smith")
    receiver.mesh.put("BIRCHMB1", b"x", workflow_id="OTHER", subject="about Smith, too")
    receiver.once()
    receiver.pass_time(days=EIGHT_YEARS)

    receiver.once()

    assert "Smith" not in everything_in(receiver.database).replace(INDEXED_SMITH.given, "")


def test_what_was_left_in_mesh_and_pruned_is_whole_again_when_it_proves_to_be_ours(
    receiver: ReceiverBench, make_receiver: MakeReceiver
) -> None:
    mesh_id = receiver.deliver(report(), workflow_id="OUR_REPORTS")
    make_receiver(RETENTION="PT1S").once()
    receiver.pass_time(minutes=1)
    make_receiver(RETENTION="PT1S").once()
    pruned = receiver.timeline(mesh_id)[-1]

    make_receiver(MESH_WORKFLOW_ID="OUR_REPORTS").once()

    assert pruned == "pruned"
    assert receiver.json("show", mesh_id, "--json")["record"]["pruned_at"] is None
    assert receiver.json("tasks", "--json")[0]["subject"] != ""


def test_a_decided_review_loses_what_the_person_was_shown(receiver: ReceiverBench) -> None:
    receiver.deliver(report(patient=person(family="Smyth")))
    receiver.once()
    review = receiver.reviews()[0]["review_id"]
    receiver.command("reviews", "match", review, "--candidate", "1")
    receiver.once()
    complete(receiver)
    receiver.pass_time(days=EIGHT_YEARS)

    receiver.once()

    shown = receiver.json("reviews", "show", review, "--json")
    assert (shown["message_facts"], shown["candidates"], shown["nhs_number"]) == ({}, [], "9690937278")
    assert receiver.command("reviews", "show", review).exit_code == 0
    # a later version is asked about anew
    receiver.deliver(report(2, patient=person(family="Smyth")))
    receiver.once()
    assert len(receiver.reviews()) == 1


def test_a_task_that_was_never_dropped_is_not_dropped_once_it_is_pruned(
    make_receiver: MakeReceiver, tmp_path: Path
) -> None:
    receiver = make_receiver(TASK_DROP_DIR=str(tmp_path / "nowhere"), RETENTION="P1Y")
    receiver.know(INDEXED_SMITH)
    receiver.deliver(report())
    receiver.once()
    complete(receiver)
    receiver.pass_time(days=400)

    receiver.once()

    (tmp_path / "nowhere").mkdir()
    receiver.pass_time(days=1)
    assert receiver.once()
    assert list((tmp_path / "nowhere").iterdir()) == []
    assert count(receiver.database, TaskDrop) == 0


def test_batches_are_small_and_each_says_so_in_one_line(
    make_receiver: MakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = make_receiver(RETENTION="P1D")
    monkeypatch.setattr("registered_receiver.prune._BATCH", 2)
    for _ in range(3):
        receiver.deliver(b"nonsense", subject="")
    receiver.once()
    receiver.pass_time(days=2)

    assert [receiver.step("prune") for _ in range(3)] == [2, 1, 0]

    lines = [line for line in receiver.log_lines() if line["event"] == "messages.pruned"]
    assert [(line["messages"], line["documents"]) for line in lines] == [(2, 0), (1, 0)]
    assert "Smith" not in json.dumps(lines)


def test_a_retention_beyond_all_dates_keeps_everything(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver(RETENTION="P5000Y")
    receiver.deliver(b"nonsense", subject="")
    receiver.once()

    assert receiver.step("prune") == 0
