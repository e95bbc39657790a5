from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from registered_receiver import worklist
from registered_receiver.matching import IndexedPatient
from shared.identifiers import NhsNumber
from shared.itk3.build import build_report, build_response
from shared.itk3.model import ResponseMessage
from tests.registered_receiver.bench import (
    CONSULTATION,
    INDEXED_SMITH,
    PHOTOGRAPH,
    REPORT,
    THEM,
    US,
    ReceiverBench,
    person,
    report,
    subject_of,
)
from tests.registered_receiver.conftest import MakeReceiver
from tests.shared.itk3.examples import Draft

OTHER = "9690937286"


def outcome(message: dict[str, Any]) -> tuple[Any, Any, Any]:
    return message["state"], message["infrastructure_code"], message["business_code"]


@pytest.mark.requirement("GPCM-SD-027", "GPCM-SD-092", "GPCM-SD-093", "FHIR-HA-01")
def test_a_valid_report_about_a_known_patient_is_filed_with_everything_that_came(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report())

    assert receiver.once()

    message = receiver.only()
    assert outcome(message) == ("filed", "20013", "30001")
    assert message["sender_mailbox"] == THEM
    assert message["sender_reference"] == CONSULTATION
    (task,) = receiver.tasks()
    assert task["task_id"] == message["task_id"]
    assert (task["state"], task["version"], task["nhs_number"]) == ("open", 1, "9690937278")
    assert task["subject"] == subject_of(build_report(report()))
    assert [document["description"] for document in task["documents"]] == [
        "Federated Consultation Report",
        "Rash on the left arm",
    ]
    assert receiver.timeline(mesh_id) == [
        *("collected", "accepted", "response_queued", "matched", "task_made", "response_queued"),
        *("response_sent", "response_sent"),
    ]


@pytest.mark.requirement("GPCM-SD-058", "GPCM-SD-062")
def test_both_responses_go_to_the_mailbox_that_the_report_came_from(receiver: ReceiverBench) -> None:
    receiver.deliver(report())

    receiver.once()

    assert receiver.answers() == ["20013", "30001"]
    assert {(post.recipient, post.workflow_id) for post in receiver.posts()} == {(THEM, "GPFED_CONSULT_REPORT_ACK")}


@pytest.mark.requirement("GPCM-SD-065", "GPCM-SD-066", "GPCM-SD-068", "GPCM-SD-074")
def test_a_message_that_breaks_a_rule_gets_one_negative_response_and_goes_no_further(
    receiver: ReceiverBench,
) -> None:
    draft = Draft(build_report(report()))
    draft.set("//f:extension[@url='InfAckRequested']/f:valueBoolean", "false")
    receiver.deliver(draft.body)

    receiver.once()

    message = receiver.only()
    assert outcome(message) == ("rejected", "10002", None)
    assert "InfAckRequested" in message["diagnostics"]
    assert receiver.answers() == ["10002"]
    assert receiver.tasks() == []


def test_a_refused_message_may_be_repaired_and_come_again_under_its_ids(receiver: ReceiverBench) -> None:
    draft = Draft(build_report(report()))
    draft.set("//f:extension[@url='BusAckRequested']/f:valueBoolean", "false")
    receiver.deliver(draft.body)
    receiver.once()

    receiver.deliver(report())
    receiver.once()

    assert receiver.answers() == ["10003", "20013", "30001"]


def test_the_same_mesh_message_again_is_silently_the_same_message(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report())
    receiver.once()
    receiver.mesh.messages[mesh_id].status = "accepted"

    receiver.once()

    assert outcome(receiver.only()) == ("filed", "20013", "30001")
    assert receiver.answers() == ["20013", "30001"]


@pytest.mark.requirement("FHIR-RR-05")
def test_another_mesh_message_with_the_same_message_id_is_a_duplicate(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.once()

    again = receiver.deliver(report())
    receiver.once()

    by_id = {message["mesh_message_id"]: message for message in receiver.messages()}
    assert outcome(by_id[again]) == ("duplicate", "20007", None)
    assert receiver.answers() == ["20013", "30001", "20007"]
    assert len(receiver.tasks()) == 1


@pytest.mark.requirement("FHIR-RR-05")
def test_the_same_payload_in_another_message_is_a_duplicate(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.once()
    draft = Draft(build_report(report()))
    other = "11111111-2222-4333-8444-555555555555"
    header = draft.find("/f:Bundle/f:entry/f:resource/f:MessageHeader/f:id")[0]
    for element in draft.root.iter():
        if (element.get("value") or "").endswith(header.get("value")) and element is not header:
            element.set("value", f"urn:uuid:{other}")
    header.set("value", other)

    receiver.deliver(draft.body)
    receiver.once()

    assert receiver.answers() == ["20013", "30001", "20008"]
    assert len(receiver.messages("duplicate")) == 1


def test_the_same_ids_from_another_mailbox_are_no_duplicate(receiver: ReceiverBench) -> None:
    receiver.mesh.add_mailbox("CEDARMB1", ods_code="A81001")
    receiver.deliver(report())
    receiver.once()

    same_ids = build_report(report()).replace(THEM.encode(), b"CEDARMB1")
    receiver.deliver(same_ids, sender="CEDARMB1")
    receiver.once()

    assert receiver.answers() == ["20013", "30001", "20013", "30001"]


def test_a_duplicate_is_found_by_its_message_id_as_the_report_that_was_taken(receiver: ReceiverBench) -> None:
    first = receiver.deliver(report())
    receiver.once()
    receiver.deliver(report())
    receiver.once()
    message_id = receiver.messages()[0]["message_id"]

    shown = receiver.json("show", message_id, "--json")

    assert shown["record"]["mesh_message_id"] == first


@pytest.mark.requirement("GPCM-SD-046")
def test_nobody_can_make_us_answer_a_stranger(receiver: ReceiverBench) -> None:
    receiver.deliver(report(sender_mailbox="STRANGER1"))

    receiver.once()

    assert receiver.answers() == ["10008"]
    assert {post.recipient for post in receiver.posts()} == {THEM}


@pytest.mark.requirement("FHIR-RR-02")
@pytest.mark.parametrize(
    ("patient", "code"),
    [
        (replace(INDEXED_SMITH, status="left", left_on=date(2026, 1, 1)), "30003"),
        (replace(INDEXED_SMITH, status="deceased", died_on=date(2026, 1, 1)), "30003"),
        (replace(INDEXED_SMITH, nhs_number=OTHER, family="Jones"), "30002"),
    ],
)
def test_a_patient_who_is_not_here_is_answered_and_not_filed(
    make_receiver: MakeReceiver, patient: IndexedPatient, code: str
) -> None:
    receiver = make_receiver()
    receiver.know(patient)
    receiver.deliver(report())

    receiver.once()

    assert outcome(receiver.only()) == ("unmatched", "20013", code)
    assert receiver.answers() == ["20013", code]
    assert receiver.tasks() == []


def test_the_report_of_a_patient_who_died_recently_is_filed(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    receiver.know(replace(INDEXED_SMITH, status="deceased", died_on=date(2026, 11, 1)))
    receiver.deliver(report())

    receiver.once()

    assert outcome(receiver.only()) == ("filed", "20013", "30004")
    assert len(receiver.tasks()) == 1


def test_without_reviews_a_near_miss_is_answered_with_30002_at_once(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver(MATCH_REVIEW="off")
    receiver.know(INDEXED_SMITH)
    receiver.deliver(report(patient=person(family="Jones")))

    receiver.once()

    assert receiver.answers() == ["20013", "30002"]
    assert receiver.reviews() == []


@pytest.mark.parametrize("workflow", ["GPFED_CONSULT_REPORT"])
def test_a_response_is_never_answered_whatever_its_workflow(receiver: ReceiverBench, workflow: str) -> None:
    response = ResponseMessage(
        response_id="11111111-2222-4333-8444-555555555555",
        code="20013",
        issue_type="informational",
        diagnostics="fine",
        request_message_id=None,
        sender_reference=CONSULTATION,
        responder_ods_code="A81001",
        responder_mailbox=THEM,
        generated_at=receiver.now(),
    )
    receiver.mesh.put(US, build_response(response), sender=THEM, workflow_id=workflow)

    receiver.once()

    assert outcome(receiver.only()) == ("ignored", None, None)
    assert receiver.posts() == []


def test_a_message_without_a_senders_mailbox_is_filed_and_a_person_is_told(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report(), sender="")

    receiver.once()

    assert outcome(receiver.only()) == ("filed", "20013", "30001")
    assert receiver.posts() == []
    (alert,) = receiver.alerts()
    assert (alert["kind"], alert["subject_id"], alert["code"]) == ("unanswerable", mesh_id, "20013")


def test_a_subject_about_somebody_else_is_noted_and_never_refused(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report(), subject=f"Federated consultation report for X , NHS Number {OTHER}")

    receiver.once()

    assert receiver.only()["state"] == "filed"
    assert "noted" in receiver.timeline(mesh_id)


def test_a_message_too_large_is_answered_from_what_was_read_of_it(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver(MAX_MESSAGE_SIZE="20KB")
    receiver.know(INDEXED_SMITH)
    large = report(documents=(REPORT, replace(PHOTOGRAPH, data=PHOTOGRAPH.data * 5000)))
    receiver.deliver(large)
    receiver.deliver(report(2))

    receiver.once()

    rejected, filed = sorted(receiver.messages(), key=lambda message: str(message["mesh_message_id"]))
    assert outcome(rejected) == ("rejected", "20015", None)
    assert (rejected["message_id"] is not None, rejected["sender_reference"]) == (True, CONSULTATION)
    assert outcome(filed) == ("filed", "20013", "30001")


def test_a_crash_in_the_midst_of_filing_leaves_nothing_half_done(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.deliver(report())
    receiver.step("collect")
    monkeypatch.setattr(worklist, "file", crash)
    with pytest.raises(KeyboardInterrupt):
        receiver.step("process")
    assert outcome(receiver.only()) == ("received", None, None)
    monkeypatch.undo()

    receiver.once()
    assert receiver.tasks() == []  # the dead process's lease still runs
    receiver.pass_time(minutes=2)
    receiver.once()

    assert outcome(receiver.only()) == ("filed", "20013", "30001")
    assert receiver.answers() == ["20013", "30001"]
    assert len(receiver.tasks()) == 1


def test_a_report_for_whose_documents_the_database_has_no_room_is_answered_all_the_same(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_more: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    receiver.deliver(report())
    receiver.step("collect")
    monkeypatch.setattr(worklist, "file", full)

    with pytest.raises(OperationalError):
        receiver.step("process")

    assert outcome(receiver.only()) == ("valid", "20013", None)


def test_a_message_for_which_the_database_has_no_room_does_not_keep_those_claimed_with_it(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_more: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    for version in (1, 2):
        receiver.deliver(report(version))
        receiver.step("collect")
        receiver.pass_time(seconds=1)
    monkeypatch.setattr(worklist, "file", full)
    with pytest.raises(OperationalError):
        receiver.step("process")
    monkeypatch.undo()

    receiver.once()

    assert [outcome(message) for message in receiver.messages()] == [
        ("filed", "20013", "30001"),
        ("valid", "20013", None),
    ]


def test_an_empty_patient_index_opens_an_alert_which_closes_once_patients_are_there(
    make_receiver: MakeReceiver,
) -> None:
    receiver = make_receiver()
    receiver.deliver(report())
    receiver.once()
    unknown, during = outcome(receiver.only()), receiver.alerts()

    receiver.know(INDEXED_SMITH)
    receiver.deliver(report(2))
    receiver.once()

    assert unknown == ("unmatched", "20013", "30002")
    assert [(alert["kind"], alert["subject_id"]) for alert in during] == [("patient_index_empty", "patient_index")]
    assert "patients import" in during[0]["action"]
    assert receiver.alerts() == []


def test_an_import_says_that_reports_were_answered_while_the_index_was_empty(
    make_receiver: MakeReceiver, tmp_path: Path
) -> None:
    receiver, file = make_receiver(), tmp_path / "patients.csv"
    file.write_text(
        "nhs_number,family,given,birth_date,status,left_on,died_on\n"
        f"{INDEXED_SMITH.nhs_number},Smith,Richard,{INDEXED_SMITH.birth_date},registered,,\n"
    )
    receiver.deliver(report())
    receiver.once()

    first = receiver.command("patients", "import", str(file))
    receiver.once()
    again = receiver.command("patients", "import", str(file))

    assert "status --state unmatched" in first.stderr
    assert "reissue" in first.stderr
    assert (again.exit_code, again.stderr) == (0, "")
    assert receiver.json("status", "--state", "unmatched", "--json")[0]["business_code"] == "30002"


def test_ids_that_the_other_side_chose_are_logged_only_when_they_look_like_uuids(receiver: ReceiverBench) -> None:
    odd = "SMITH RICHARD 09-01-1957"
    body = build_report(report())
    header_id = Draft(body).find("/f:Bundle/f:entry/f:resource/f:MessageHeader/f:id")[0].get("value")
    receiver.know(replace(INDEXED_SMITH, nhs_number=OTHER, family="Jones"))
    receiver.deliver(body.replace(CONSULTATION.encode(), odd.encode()).replace(header_id.encode(), b"SMITH-9690937278"))
    other_patient = person(nhs_number=OTHER, family="Jones")
    again = build_report(report(2, patient=other_patient))
    receiver.deliver(again.replace(CONSULTATION.encode(), odd.encode()))
    receiver.deliver(report(3))

    receiver.once()

    assert {(message["state"], message["sender_reference"]) for message in receiver.messages()} == {
        ("filed", odd),
        ("filed", CONSULTATION),
    }
    assert "patient_differs" in {alert["kind"] for alert in receiver.alerts()}
    assert "SMITH" not in receiver.logged.getvalue() + str(receiver.alerts())
    assert CONSULTATION in receiver.logged.getvalue()


def test_a_message_that_cannot_be_dealt_with_waits_is_parked_in_the_end_and_taken_back_by_a_person(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = receiver.deliver(report())
    good = receiver.deliver(report(consultation_id="another-consultation"))
    receiver.step("collect")
    real = worklist.file

    def fail_for_one(session: Any, message: Any, *rest: Any, **more: Any) -> Any:
        if message.mesh_message_id == bad:
            raise RuntimeError("NHS number 9690937278")
        return real(session, message, *rest, **more)

    monkeypatch.setattr(worklist, "file", fail_for_one)
    for _ in range(12):
        receiver.once()
        receiver.pass_time(hours=2)
    by_id = {message["mesh_message_id"]: message["state"] for message in receiver.messages()}
    assert by_id == {bad: "valid", good: "filed"}
    # whatever stands in the way of the patient, its sender heard that the report is here
    assert receiver.answers() == ["20013", "30001", "20013"]
    (alert,) = receiver.alerts()
    assert (alert["kind"], alert["subject_id"]) == ("message_parked", bad)
    assert "9690937278" not in receiver.logged.getvalue() + str(alert)
    monkeypatch.undo()

    assert receiver.command("retry", bad).exit_code == 0
    receiver.once()

    assert {message["state"] for message in receiver.messages()} == {"filed"}
    assert receiver.alerts() == []
    assert "retried" in receiver.timeline(bad)


@pytest.mark.requirement("FHIR-DOC-01")
def test_no_log_line_holds_patient_data(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.deliver(report(2, patient=person(family="Featherstonehaugh", nhs_number=NhsNumber(OTHER))))
    receiver.deliver(b"<not-fhir>9690937278 Smith</not-fhir>", subject="about Smith")

    receiver.once()

    logged = receiver.logged.getvalue()
    assert "message.filed" in logged
    assert "message.rejected" in logged
    for secret in ("9690937278", "Smith", "Featherstonehaugh", OTHER, "1957", "password"):
        assert secret not in logged
    assert not any("dropped_fields" in line for line in receiver.log_lines())


def crash(*_arguments: object, **_more: object) -> None:
    raise KeyboardInterrupt
