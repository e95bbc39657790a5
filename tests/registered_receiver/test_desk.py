from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.registered_receiver.bench import ReceiverBench, person, report

ME = pwd.getpwuid(os.getuid()).pw_name
KEYS = ["at", "user", "uid", "role", "action", "subject_id", "nhs_number", "reason"]


def acts(receiver: ReceiverBench) -> list[tuple[str, str | None, str | None]]:
    """Return what the audit says was done, oldest first."""
    lines = receiver.json("audit", "--json", "--limit", "0")
    return [(line["action"], line["subject_id"], line["nhs_number"]) for line in reversed(lines)]


@pytest.fixture
def filed(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver that has filed one report."""
    receiver.deliver(report())
    receiver.once()
    return receiver


@pytest.fixture
def undecided(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver with a near miss."""
    receiver.deliver(report(patient=person(family="Smyth")))
    receiver.once()
    return receiver


@pytest.mark.requirement("FHIR-DOC-02", "FHIR-DOC-03")
def test_whoever_looks_at_a_task_takes_it_out_or_completes_it_is_written_down(
    filed: ReceiverBench, tmp_path: Path
) -> None:
    message = filed.only()
    task_id = message["task_id"]

    filed.command("tasks")
    filed.command("tasks", "show", task_id)
    filed.command("tasks", "export", task_id, "--to", str(tmp_path / "out"))
    filed.command("messages", "export", task_id, "--to", str(tmp_path / "raw"))
    filed.command("tasks", "complete", task_id)

    assert acts(filed) == [
        ("tasks_listed", None, None),
        ("task_viewed", task_id, "9690937278"),
        ("task_exported", task_id, "9690937278"),
        ("message_exported", message["mesh_message_id"], "9690937278"),
        ("task_completed", task_id, "9690937278"),
    ]


@pytest.mark.requirement("FHIR-DOC-03")
def test_a_line_of_the_audit_says_when_and_who_by_name_number_and_role(filed: ReceiverBench) -> None:
    filed.command("tasks")

    (line,) = filed.json("audit", "--json")

    assert list(line) == KEYS
    assert (line["user"], line["uid"]) == (ME, os.getuid())
    assert line["role"]
    assert line["at"].endswith("Z")


@pytest.mark.requirement("FHIR-DOC-02", "FHIR-DOC-03")
def test_whoever_decides_a_near_miss_is_written_down_with_the_reason(undecided: ReceiverBench) -> None:
    review = undecided.reviews()[0]["review_id"]

    undecided.command("reviews")
    undecided.command("reviews", "show", review)
    undecided.command("reviews", "match", review, "--candidate", "1", "--reason", "telephoned")

    assert acts(undecided) == [
        ("reviews_listed", None, None),
        ("review_viewed", review, "9690937278"),
        ("review_matched", review, "9690937278"),
    ]
    assert undecided.json("audit", "--json", "--subject", review)[0]["reason"] == "telephoned"


def test_whoever_rejects_a_near_miss_is_written_down_with_the_reason(undecided: ReceiverBench) -> None:
    review = undecided.reviews()[0]["review_id"]

    undecided.command("reviews", "reject", review, "--reason", "not our patient")

    (line,) = undecided.json("audit", "--json")
    assert (line["action"], line["subject_id"], line["reason"]) == ("review_rejected", review, "not our patient")


def test_whoever_closes_an_alert_retries_or_imports_is_written_down(receiver: ReceiverBench, tmp_path: Path) -> None:
    mesh_id = receiver.deliver(report(), sender="")
    receiver.once()
    (alert,) = receiver.alerts()
    with receiver.database.transaction() as session:
        session.execute(text("UPDATE message SET parked_at = received_at"))
    file = tmp_path / "patients.csv"
    header = "nhs_number,family,given,birth_date,status,left_on,died_on"
    file.write_text(f"{header}\n9690937286,Jones,Ann,1960-01-01,registered,,\n", encoding="utf-8")

    receiver.command("alerts", "close", alert["alert_id"], "--reason", "telephoned")
    receiver.command("retry", mesh_id)
    receiver.command("patients", "import", str(file))

    lines = receiver.json("audit", "--json")
    assert [(line["action"], line["subject_id"]) for line in reversed(lines)] == [
        ("alert_closed", alert["alert_id"]),
        ("record_retried", mesh_id),
        ("patients_imported", None),
    ]
    assert lines[-1]["reason"] == "telephoned"
    assert "1 patients imported" in lines[0]["reason"]


def test_what_was_not_done_is_not_written_down(filed: ReceiverBench, tmp_path: Path) -> None:
    for command in (
        ("tasks", "show", "x"),
        ("tasks", "complete", "x"),
        ("tasks", "export", "x", "--to", str(tmp_path)),
        ("messages", "export", "x", "--to", str(tmp_path)),
        ("reviews", "show", "x"),
        ("reviews", "reject", "x", "--reason", "r"),
        ("alerts", "close", "x", "--reason", "r"),
        ("retry", "x"),
    ):
        assert filed.command(*command).exit_code == 1

    assert acts(filed) == []


@pytest.fixture
def without_audit(filed: ReceiverBench) -> ReceiverBench:
    """Give a receiver with one task, whose database takes no line of the audit any more."""
    with filed.database.transaction() as session:
        session.execute(text("ALTER TABLE audit RENAME TO elsewhere"))
    return filed


@pytest.mark.requirement("FHIR-DOC-02")
def test_what_cannot_be_written_down_is_neither_shown_nor_done(without_audit: ReceiverBench, tmp_path: Path) -> None:
    task_id = without_audit.only()["task_id"]
    out = tmp_path / "out"

    for command in (
        ("tasks", "--json"),
        ("tasks", "show", task_id),
        ("tasks", "export", task_id, "--to", str(out)),
        ("messages", "export", task_id, "--to", str(out)),
        ("tasks", "complete", task_id),
        ("reviews",),
    ):
        result = without_audit.command(*command)
        assert result.exit_code == 1
        assert "Smith" not in result.output

    assert not out.exists()
    assert without_audit.tasks()[0]["state"] == "open"


@pytest.mark.requirement("FHIR-DOC-02")
@pytest.mark.parametrize("statement", ["UPDATE audit SET user_name = 'nobody'", "DELETE FROM audit"])
def test_the_audit_can_only_grow(filed: ReceiverBench, statement: str) -> None:
    filed.command("tasks")

    with pytest.raises(DBAPIError, match="append-only"), filed.database.transaction() as session:
        session.execute(text(statement))


def test_the_audit_is_newest_first_and_may_be_narrowed_and_reading_it_is_written_down(filed: ReceiverBench) -> None:
    task_id = filed.only()["task_id"]
    filed.command("tasks")
    filed.command("tasks", "show", task_id)

    assert [line["action"] for line in filed.json("audit", "--json")] == ["task_viewed", "tasks_listed"]
    assert [line["action"] for line in filed.json("audit", "--json", "--limit", "1")] == ["audit_listed"]
    assert [line["action"] for line in filed.json("audit", "--json", "--subject", task_id)] == ["task_viewed"]
    assert len(filed.json("audit", "--json", "--since", "2020-01-01", "--limit", "0")) == 5
    assert filed.json("audit", "--json", "--since", "2999-01-01T00:00:00+0000") == []
    shown = filed.command("audit").output
    assert all(word in shown for word in (ME, "task_viewed", task_id))


def test_an_empty_audit_is_an_empty_list(receiver: ReceiverBench) -> None:
    assert receiver.command("audit").output == "nothing was done yet\n"


def test_no_log_line_repeats_what_the_audit_says_of_patients(filed: ReceiverBench) -> None:
    filed.command("tasks", "show", filed.only()["task_id"])
    filed.command("audit")

    assert "9690937278" not in json.dumps(filed.log_lines())
