"""Documents that replace others: what the receiver knows of the original decides, whatever the order of arrival."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registered_receiver import ledger
from shared.itk3.build import build_report
from shared.itk3.identity import payload_identifier
from shared.itk3.model import Document, ReportMessage
from shared.itk3.payloads import DOCUMENT_1_3_PAYLOAD, DOCUMENT_PAYLOAD
from tests.registered_receiver.bench import INDEXED_SMITH, REPORT, ReceiverBench, report
from tests.shared.itk3.examples import Draft

WORKFLOW = "GPCONNECT_SEND_DOCUMENT"
FIRST = report()


def second(**changes: object) -> ReportMessage:
    return replace(report(2), **{"replaces": payload_identifier(FIRST.report_id), **changes})


def deliver(receiver: ReceiverBench, message: ReportMessage | bytes) -> str:
    body = message if isinstance(message, bytes) else build_report(message, DOCUMENT_PAYLOAD)
    return receiver.deliver(body, subject="", workflow_id=WORKFLOW)


def noted(receiver: ReceiverBench, mesh_id: str) -> list[str | None]:
    with receiver.database.snapshot() as session:
        return [line.detail for line in ledger.timeline(session, mesh_id)]


@pytest.fixture
def knowing(receiver: ReceiverBench) -> ReceiverBench:
    receiver.know(INDEXED_SMITH)
    return receiver


@pytest.mark.requirement("1.3/GPCM-SD-126")
def test_a_replacement_takes_the_place_of_its_original(knowing: ReceiverBench) -> None:
    deliver(knowing, FIRST)
    deliver(knowing, second())

    knowing.once()

    assert sorted(knowing.answers()) == ["20013", "20013", "30001", "30001"]
    assert {task["version"]: task["state"] for task in knowing.tasks()} == {1: "superseded", 2: "open"}
    assert knowing.alerts() == []


def test_a_replacement_that_overtakes_its_original_is_filed_and_the_original_superseded(knowing: ReceiverBench) -> None:
    early = deliver(knowing, second())
    knowing.once()
    states = {task["version"]: task["state"] for task in knowing.tasks()}
    deliver(knowing, FIRST)

    knowing.once()

    assert states == {2: "open"}
    assert {task["version"]: task["state"] for task in knowing.tasks()} == {1: "superseded", 2: "open"}
    assert "the document that it replaces is not here" in noted(knowing, early)


@pytest.mark.requirement("1.3/GPCM-SD-127")
@pytest.mark.parametrize("named_by", ["payload", "message header"])
def test_a_replacement_of_another_consultation_is_20014_and_the_original_is_flagged(
    knowing: ReceiverBench, named_by: str
) -> None:
    deliver(knowing, FIRST)
    knowing.once()
    original = knowing.only()["message_id"]
    target = payload_identifier(FIRST.report_id) if named_by == "payload" else f"urn:uuid:{original.upper()}"
    deliver(knowing, second(consultation_id="5a1f3b8e-0000-4000-8000-000000000001", replaces=target))

    knowing.once()

    assert knowing.answers()[-1] == "20014"
    (task,) = knowing.tasks()
    (alert,) = knowing.alerts()
    assert (alert["kind"], alert["subject_id"], alert["code"]) == ("replacement_failed", task["task_id"], "20014")
    assert "could not be processed" in knowing.command("tasks").output


def test_a_task_can_be_replaced_by_a_document(knowing: ReceiverBench) -> None:
    knowing.deliver(FIRST)
    deliver(knowing, second())

    knowing.once()

    assert {task["version"]: task["state"] for task in knowing.tasks()} == {1: "superseded", 2: "open"}


def test_of_an_original_that_was_pruned_only_the_patient_of_its_task_is_compared(knowing: ReceiverBench) -> None:
    deliver(knowing, FIRST)
    knowing.once()
    (task,) = knowing.tasks()
    knowing.command("tasks", "complete", task["task_id"])
    knowing.pass_time(days=9 * 366)
    knowing.once()
    deliver(knowing, second())

    knowing.once()

    assert knowing.answers()[-2:] == ["20013", "30001"]


def test_explain_judges_a_replacement_by_what_is_here(knowing: ReceiverBench, tmp_path: object) -> None:
    deliver(knowing, FIRST)
    knowing.once()
    other = second(consultation_id="5a1f3b8e-0000-4000-8000-000000000001")
    file = tmp_path / "message.xml"  # type: ignore[operator]
    file.write_bytes(build_report(other, DOCUMENT_PAYLOAD))

    explained = knowing.json("explain", str(file), "--json")

    assert (explained["infrastructure_code"], explained["decided_by"]) == ("20014", "replaced-consultation")
    assert knowing.alerts() == []


@pytest.mark.requirement("2.0/Confidentiality")
def test_a_confidential_document_is_refused_in_2_0_and_filed_in_1_3(knowing: ReceiverBench) -> None:
    message = report(confidential=True, documents=(REPORT,))
    of_2_0 = Draft(build_report(message, DOCUMENT_1_3_PAYLOAD))
    of_2_0.set("//f:extension[@url='LocalExtension']/f:valueString", "None")
    deliver(knowing, of_2_0.body)
    deliver(knowing, build_report(replace(message, report_id=report(3).report_id), DOCUMENT_1_3_PAYLOAD))

    knowing.once()

    assert sorted(knowing.answers()) == ["20009", "20013", "30001"]
    (task,) = knowing.tasks()
    shown = knowing.json("tasks", "show", task["task_id"], "--json")
    assert (shown["confidential"], shown["sender_ods_code"]) == (True, None)
    assert "Alder" not in task["subject"]


def test_a_task_and_a_document_are_taken_whichever_workflow_brings_them(knowing: ReceiverBench) -> None:
    knowing.deliver(FIRST, workflow_id=WORKFLOW)
    body = build_report(report(2), DOCUMENT_PAYLOAD)
    knowing.deliver(body, subject="", workflow_id="GPFED_CONSULT_REPORT")

    knowing.once()

    assert {task["version"]: task["state"] for task in knowing.tasks()} == {1: "superseded", 2: "open"}
    assert sorted(post.workflow_id for post in knowing.posts()) == [
        *["GPCONNECT_SEND_DOCUMENT_ACK"] * 2,
        *["GPFED_CONSULT_REPORT_ACK"] * 2,
    ]


def test_the_worklist_shows_a_document_with_all_its_parts(knowing: ReceiverBench) -> None:
    letter = Document("Letter", "text/plain", b"as text", FIRST.generated_at)
    deliver(knowing, replace(FIRST, documents=(*FIRST.documents, letter)))

    knowing.once()

    (task,) = knowing.tasks()
    assert [each["content_type"] for each in task["documents"]] == ["application/pdf", "image/jpeg", "text/plain"]
    assert task["subject"].startswith("Consultation report for ")
    assert task["subject"].endswith("Version: 1")


def test_a_sender_that_counts_from_one_again_replaces_its_task_with_a_higher_number(knowing: ReceiverBench) -> None:
    knowing.deliver(report(3))
    knowing.once()
    update = replace(
        report(1), report_id="0b6ff3a2-6ed5-4c1f-8f0e-7a1d3c5b9e21", replaces=payload_identifier(report(3).report_id)
    )
    deliver(knowing, update)

    knowing.once()

    assert {task["version"]: task["state"] for task in knowing.tasks()} == {3: "superseded", 1: "open"}
