from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from registered_receiver.matching import IndexedPatient
from shared.identifiers import NhsNumber
from shared.itk3.build import build_report
from tests.fakes.mesh import InMemoryMesh
from tests.registered_receiver.bench import CONSULTATION, THEM, US, ReceiverBench, person, report, wire_receiver
from tests.registered_receiver.conftest import MakeReceiver
from tests.shared.itk3.examples import Draft

HEADER = "nhs_number,family,given,birth_date,status,left_on,died_on"
MESSAGE_KEYS = [
    *("mesh_message_id", "message_id", "sender_mailbox", "sender_reference", "received_at", "state"),
    *("infrastructure_code", "business_code", "diagnostics", "task_id"),
]
TASK_KEYS = [
    *("task_id", "subject", "state", "consultation_id", "version", "nhs_number", "received_at"),
    *("superseded_by", "documents"),
]


@pytest.fixture
def filed(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver that has filed one report."""
    receiver.deliver(report())
    receiver.once()
    return receiver


def test_lists_of_nothing_are_empty_lists(receiver: ReceiverBench) -> None:
    for command in (("status",), ("tasks",), ("reviews",), ("alerts",)):
        assert receiver.json(*command, "--json") == []
    assert receiver.command("tasks").output == "no tasks\n"
    assert "no records" in receiver.command("status").output


def test_status_and_tasks_have_the_contracts_keys_and_times(filed: ReceiverBench) -> None:
    (message,) = filed.json("status", "--json")
    (task,) = filed.json("tasks", "--json")

    assert list(message) == MESSAGE_KEYS
    assert message["received_at"] == "2026-11-20T18:00:00.000Z"
    assert list(task) == TASK_KEYS
    assert [list(document) for document in task["documents"]] == [["description", "content_type", "size", "sha256"]] * 2


def test_status_is_newest_first_and_may_be_narrowed(filed: ReceiverBench) -> None:
    filed.pass_time(hours=1)
    filed.deliver(b"nonsense", subject="")
    filed.once()

    assert [message["state"] for message in filed.json("status", "--json")] == ["rejected", "filed"]
    assert [message["state"] for message in filed.json("status", "--json", "--limit", "1")] == ["rejected"]
    assert len(filed.json("status", "--json", "--limit", "0")) == 2
    assert [message["state"] for message in filed.json("status", "--json", "--state", "filed")] == ["filed"]
    since = ("--since", "2026-11-20T18:30:00+0000")
    assert [message["state"] for message in filed.json("status", "--json", *since)] == ["rejected"]
    shown = filed.command("status")
    assert "1 rejected, 1 filed" in shown.output
    unknown = filed.command("status", "--state", "lost")
    assert (unknown.exit_code, "duplicate, ignored" in unknown.output) == (2, True)


@pytest.mark.requirement("FHIR-DOC-01")
@pytest.mark.parametrize("key", ["mesh_message_id", "message_id", "task_id"])
def test_a_record_is_shown_by_any_of_its_ids(filed: ReceiverBench, key: str) -> None:
    message = filed.only()

    shown = filed.json("show", message[key], "--json")

    assert {name: shown["record"][name] for name in MESSAGE_KEYS} == message
    assert [response["code"] for response in shown["record"]["responses"]] == ["20013", "30001"]
    first = shown["timeline"][0]
    assert (first["from"], first["to"], first["event"], first["by"]) == (
        None,
        "received",
        "collected",
        "registered-receiver",
    )


def test_a_record_that_is_not_there_is_said_in_words(filed: ReceiverBench) -> None:
    for command in (("show", "x"), ("retry", "x"), ("tasks", "show", "x"), ("messages", "export", "x", "--to", "y")):
        result = filed.command(*command)
        assert result.exit_code == 1
        assert "there is no" in result.output
    assert "is parked" in filed.command("retry", filed.only()["mesh_message_id"]).output


def test_people_can_read_a_message_and_its_task(filed: ReceiverBench) -> None:
    message = filed.only()

    assert "filed" in filed.command("show", message["mesh_message_id"]).output
    assert "Federated consultation report for Mr Richard John Smith" in filed.command("tasks").output
    shown = filed.command("tasks", "show", message["task_id"]).output
    assert "Rash on the left arm" in shown
    assert CONSULTATION in shown


def test_a_message_is_exported_as_it_came_quarantined_ones_too(filed: ReceiverBench, tmp_path: Path) -> None:
    quarantined = filed.deliver(b"\xff\xfenonsense", subject="about Smith")
    filed.once()

    result = filed.command("messages", "export", quarantined, "--to", str(tmp_path / "out"))

    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "message.dat").read_bytes() == b"\xff\xfenonsense"
    headers = json.loads((tmp_path / "out" / "message.json").read_text())
    assert (headers["from"], headers["subject"], headers["truncated"]) == (THEM, "about Smith", False)


def test_of_a_message_that_was_left_in_mesh_there_is_nothing_to_export(receiver: ReceiverBench, tmp_path: Path) -> None:
    left = receiver.mesh.put(US, b"x", workflow_id="OTHER")
    receiver.once()

    result = receiver.command("messages", "export", left, "--to", str(tmp_path / "out"))

    assert result.exit_code == 1
    assert "only a record is kept" in result.output


def test_an_import_says_how_many_and_matching_uses_it_at_once(make_receiver: MakeReceiver, tmp_path: Path) -> None:
    receiver = make_receiver()
    file = tmp_path / "patients.csv"
    file.write_text(f"{HEADER}\n9690937278,Smith,Richard,1957-01-09,registered,,\n", encoding="utf-8")
    receiver.deliver(report())

    result = receiver.command("patients", "import", str(file))
    receiver.once()

    assert (result.exit_code, result.stdout) == (0, "1 patients imported: 1 added, 0 changed, 0 unchanged, 0 left\n")
    assert receiver.only()["state"] == "filed"


def test_an_import_with_a_fault_changes_nothing(receiver: ReceiverBench, tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(f"{HEADER}\n9690937286,Jones,Ann,1960-01-01,registered,,\n1,,,,,,\n", encoding="utf-8")

    result = receiver.command("patients", "import", str(file), "--replace")

    assert result.exit_code == 1
    assert "line 3: nhs_number" in result.output
    receiver.deliver(report(patient=person(nhs_number="9690937286", family="Jones")))
    receiver.once()
    assert receiver.only()["business_code"] == "30002"


def test_replacing_the_index_is_said(receiver: ReceiverBench, tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(f"{HEADER}\n9690937286,Jones,Ann,1960-01-01,registered,,\n", encoding="utf-8")

    result = receiver.command("patients", "import", str(file), "--replace")

    assert result.stdout == "1 patients imported: 1 added, 0 changed, 0 unchanged, 1 left\n"


def crowd(number: int) -> list[IndexedPatient]:
    """Return so many registered patients."""
    numbers: list[str] = []
    for digits in range(900_000_000, 900_000_000 + 2 * number + 20):
        for check in range(10):
            with suppress(ValueError):
                numbers.append(NhsNumber(f"{digits}{check}"))
    return [IndexedPatient(each, "Jones", "Ann", date(1960, 1, 1), "registered") for each in numbers[:number]]


def index_file(directory: Path, known: list[IndexedPatient]) -> str:
    file = directory / "patients.csv"
    rows = [f"{each.nhs_number},{each.family},{each.given},{each.birth_date},registered,," for each in known]
    file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return str(file)


def test_a_file_in_which_much_of_the_practice_is_missing_replaces_nothing_unless_forced(
    make_receiver: MakeReceiver, tmp_path: Path
) -> None:
    receiver, everybody = make_receiver(), crowd(100)
    receiver.know(*everybody)
    file = index_file(tmp_path, everybody[11:])

    refused = receiver.command("patients", "import", file, "--replace")
    again = receiver.command("patients", "import", file, "--replace")
    forced = receiver.command("patients", "import", file, "--replace", "--force")

    assert (refused.exit_code, again.output) == (1, refused.output)
    assert "no patient was imported: 11 of 100 registered patients are not in the file" in refused.output
    assert forced.stdout == "89 patients imported: 0 added, 0 changed, 89 unchanged, 11 left\n"


@pytest.mark.parametrize(("known", "leaving"), [(100, 10), (110, 11), (11, 10)])
def test_a_few_patients_leave_without_being_forced(
    make_receiver: MakeReceiver, tmp_path: Path, known: int, leaving: int
) -> None:
    receiver, everybody = make_receiver(), crowd(known)
    receiver.know(*everybody)

    result = receiver.command("patients", "import", index_file(tmp_path, everybody[leaving:]), "--replace")

    assert result.stdout == (
        f"{known - leaving} patients imported: 0 added, 0 changed, {known - leaving} unchanged, {leaving} left\n"
    )


def test_forcing_goes_with_replacing_alone(receiver: ReceiverBench, tmp_path: Path) -> None:
    result = receiver.command("patients", "import", index_file(tmp_path, []), "--force")

    assert (result.exit_code, "--force goes with --replace" in result.output) == (2, True)


def test_explain_shows_the_codes_that_a_message_would_get(receiver: ReceiverBench, tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(build_report(report()))

    explained = receiver.json("explain", str(file), "--json")

    assert explained == {
        "infrastructure_code": "20013",
        "business_code": "30001",
        "decided_by": None,
        "rules": [],
    }
    assert "every rule holds" in receiver.command("explain", str(file)).output
    assert receiver.messages() == []


@pytest.mark.requirement("GPCM-SD-067", "GPCM-SD-068", "GPCM-SD-074")
def test_explain_lists_every_rule_that_fails_and_names_the_first(receiver: ReceiverBench, tmp_path: Path) -> None:
    draft = Draft(build_report(report()))
    draft.set("//f:extension[@url='BusAckRequested']/f:valueBoolean", "false")
    draft.set("//f:extension[@url='InfAckRequested']/f:valueBoolean", "false")
    file = tmp_path / "message.xml"
    file.write_bytes(draft.body)

    explained = receiver.json("explain", str(file), "--json")

    assert (explained["infrastructure_code"], explained["business_code"]) == ("10002", None)
    assert [rule["code"] for rule in explained["rules"]] == ["10002", "10003"]
    assert explained["decided_by"] == explained["rules"][0]["id"]
    assert set(explained["rules"][0]) == {"id", "requirement", "code", "diagnostics"}
    assert "inf-ack-requested" in receiver.command("explain", str(file)).output


def test_explain_says_that_a_message_is_here_already(filed: ReceiverBench, tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(build_report(report()))

    assert filed.json("explain", str(file), "--json")["infrastructure_code"] == "20007"
    assert filed.json("explain", str(file), "--sender", "CEDARMB1", "--json")["infrastructure_code"] == "10008"


def test_explain_promises_no_business_response_where_a_person_would_decide(
    receiver: ReceiverBench, tmp_path: Path
) -> None:
    near, unknown, response = tmp_path / "near.xml", tmp_path / "unknown.xml", tmp_path / "response.xml"
    near.write_bytes(build_report(report(patient=person(family="Smyth"))))
    unknown.write_bytes(build_report(report(patient=person(nhs_number="9690937286", family="Jones"))))
    receiver.deliver(report(patient=person(family="Jones")))
    receiver.once()
    response.write_bytes(receiver.posts()[0].body)

    assert receiver.json("explain", str(near), "--json")["business_code"] is None
    assert receiver.json("explain", str(unknown), "--json")["business_code"] == "30002"
    assert receiver.json("explain", str(response), "--json")["decided_by"] == "a response is never answered"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("explain", "nowhere.xml"), 1), (("explain", "message.xml", "--sender", "?"), 2)],
)
def test_explain_refuses_what_it_cannot_read(
    receiver: ReceiverBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "message.xml").write_bytes(b"")

    assert receiver.command(*arguments).exit_code == status


def test_check_says_what_is_right_and_what_to_do(receiver: ReceiverBench, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    loose = receiver.command("check")

    tmp_path.chmod(0o700)
    tight = receiver.command("check")
    assert (loose.exit_code, tight.exit_code) == (1, 0)
    assert "chmod 700" in loose.output
    assert "ok  patient index: 1 patients" in tight.output


def test_check_says_what_an_empty_patient_index_means(make_receiver: MakeReceiver, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    result = make_receiver().command("check")

    assert result.exit_code == 0
    assert "patient index: it is empty, and every report is answered 30002: run `patients import FILE`" in result.output


def test_check_online_shakes_hands_with_mesh(receiver: ReceiverBench) -> None:
    assert [check.ok for check in receiver.receiver.checks(online=True) if check.subject == "MESH"] == [True]

    receiver.mesh.down()

    (check,) = [check for check in receiver.receiver.checks(online=True) if check.subject == "MESH"]
    assert (check.ok, "certificate" in check.text) == (False, True)


def test_check_of_a_database_that_was_never_migrated_names_the_command(tmp_path: Path) -> None:
    mesh = InMemoryMesh()
    mesh.add_mailbox(US)
    bench = wire_receiver(f"sqlite:///{tmp_path}/migrated.sqlite3", mesh, tmp_path)
    bench.environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/empty.sqlite3"

    result = bench.command("check")

    bench.receiver.close()
    assert result.exit_code == 1
    assert "registered-receiver migrate" in result.output
    assert "patient index" not in result.output


def test_explaining_a_message_stands_in_the_audit_since_it_tells_who_is_a_patient(
    receiver: ReceiverBench, tmp_path: Path
) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(build_report(report()))

    receiver.command("explain", str(file))

    (line,) = receiver.json("audit", "--json")
    assert line["action"] == "message_explained"


@pytest.mark.parametrize("arguments", [("alerts", "close", "an-id"), ("reviews", "reject", "an-id")])
def test_a_reason_that_says_nothing_is_wrong_usage(receiver: ReceiverBench, arguments: tuple[str, ...]) -> None:
    done = receiver.command(*arguments, "--reason", "  ")

    assert done.exit_code == 2
    assert "must not be empty" in done.output
