"""What only a document of GP Connect Send Document does: replace, be withheld, and travel in a workflow of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from federated_sender.pdf import PdfRenderer
from tests.federated_sender.bench import consultation
from tests.flow import bench
from tests.flow.bench import Flow
from tests.registered_receiver.bench import INDEXED_SMITH
from tests.shared.itk3.examples import Draft, profile_problems

DELIVERED = ("delivered", "20013", "30001")
LATER = "2026-11-20T21:30:00+00:00"
documents = pytest.mark.parametrize("payload", ["document"], indirect=True)


def sent(flow: Flow, place: int = -1) -> Draft:
    return Draft(flow.sender.posts()[place].body)


def value(draft: Draft, xpath: str) -> str:
    (element,) = draft.find(xpath)
    return str(element.get("value"))


@pytest.mark.requirement("2.0/GPCM-SD-057", "1.3/GPCM-SD-057", "1.3/GPCM-SD-058")
@pytest.mark.parametrize(
    ("payload", "workflow"),
    [("document", "GPCONNECT_SEND_DOCUMENT"), ("document 1.3", "GPFED_CONSULT_REPORT")],
    indirect=["payload"],
)
def test_a_document_and_its_responses_travel_in_the_workflow_of_its_edition(flow: Flow, workflow: str) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)

    flow.exchange()

    assert flow.state() == DELIVERED
    assert [post.workflow_id for post in flow.mesh.posts] == [workflow, f"{workflow}_ACK", f"{workflow}_ACK"]
    assert [profile_problems(post.body) for post in flow.mesh.posts] == [[]] * 3


@pytest.mark.requirement("1.3/GPCM-SD-123", "1.3/GPCM-SD-126", "2.0/GPCM-SD-123", "2.0/GPCM-SD-129")
@documents
def test_each_replacement_names_the_document_before_it_and_takes_its_place(flow: Flow) -> None:
    for minute in (45, 50, 55):
        notes = [{"heading": str(minute), "items": []}]
        flow.sender.enqueue(consultation(updated_at=f"2026-11-20T17:{minute}:00+00:00", notes=notes))
        flow.pass_time(hours=4)
        flow.exchange()

    first, second, third = (sent(flow, place) for place in range(3))
    own = "//f:Bundle//f:Bundle/f:identifier/f:value"
    target = "//f:relatesTo/f:targetIdentifier/f:value"
    assert [value(each, target) for each in (second, third)] == [value(first, own), value(second, own)]
    assert b"relatesTo" not in first.body
    assert {task["version"]: task["state"] for task in flow.receiver.tasks()} == {
        1: "superseded",
        2: "superseded",
        3: "open",
    }
    assert flow.sender.alerts() == flow.receiver.alerts() == []


@documents
def test_a_version_that_failed_is_not_replaced_since_it_may_not_be_there(flow: Flow) -> None:
    flow.receiver.know(replace(INDEXED_SMITH, status="left"))
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.exchange()
    flow.receiver.know(INDEXED_SMITH)
    flow.sender.enqueue(consultation(updated_at=LATER, notes=[]))
    flow.pass_time(hours=4)

    flow.exchange()

    assert (flow.state(1)[0], flow.state(2)) == ("failed", DELIVERED)
    assert b"relatesTo" not in flow.sender.posts()[1].body


@pytest.mark.requirement("1.3/GPCM-SD-127", "1.3/GPCM-SD-128", "2.0/GPCM-SD-128")
@documents
def test_a_replacement_about_another_patient_is_20014_and_people_at_both_ends_know(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.exchange()
    content = consultation(updated_at=LATER)
    content["patient"] |= {"nhs_number": "9434765919", "family": "Jones"}
    flow.mesh.register("9434765919", INDEXED_SMITH.birth_date, "Jones", "BIRCHMB1")
    flow.sender.enqueue(content)
    flow.pass_time(hours=4)

    flow.exchange()

    assert flow.state(2) == ("failed", "20014", None)
    (task,) = flow.receiver.tasks()
    assert (task["version"], task["state"]) == (1, "open")
    (here,), (there,) = flow.sender.alerts(), flow.receiver.alerts()
    assert (here["kind"], here["code"]) == ("negative_response", "20014")
    assert (there["kind"], there["subject_id"], there["code"]) == ("replacement_failed", task["task_id"], "20014")
    assert "could not be processed" in flow.receiver.command("tasks").output


@pytest.mark.requirement("2.0/Confidentiality")
@documents
def test_a_confidential_consultation_is_withheld_and_a_person_is_told(flow: Flow) -> None:
    flow.sender.enqueue(consultation(confidential=True))
    flow.pass_time(hours=4)

    flow.exchange()

    record = flow.sender.only()
    assert (record["state"], record["reason"]) == ("not_required", "confidential")
    assert flow.mesh.posts == []
    (alert,) = flow.sender.alerts()
    assert (alert["kind"], alert["subject_id"]) == ("confidential", record["report_id"])


@pytest.mark.requirement("2.0/Confidentiality", "GPCM-SD-102")
@pytest.mark.parametrize("payload", ["task", "document 1.3", "document"], indirect=True)
def test_what_became_confidential_while_mesh_was_away_goes_only_as_a_confidential_one(flow: Flow, payload: str) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.mesh.down()
    flow.sender.once()
    flow.sender.enqueue(consultation(updated_at=LATER, confidential=True))
    flow.mesh.up()
    flow.pass_time(hours=4)

    flow.exchange()

    withdrawn = ("not_required", "confidential")
    states = {record["version"]: (record["state"], record["reason"]) for record in flow.sender.status()}
    if payload == "document":
        assert states == {1: withdrawn, None: withdrawn}
        assert flow.mesh.posts == []
        assert [alert["kind"] for alert in flow.sender.alerts()] == ["confidential"]
        return
    assert states == {1: withdrawn, 2: ("delivered", None)}
    (post,) = flow.sender.posts()
    assert "seen at" not in (post.subject or "")
    assert (value(Draft(post.body), "//f:Composition/f:confidentiality") if payload != "task" else "R") == "R"
    assert b"seen at" not in post.body


@documents
def test_what_is_not_confidential_any_more_is_sent_and_the_alert_closes(flow: Flow) -> None:
    flow.sender.enqueue(consultation(confidential=True))
    flow.pass_time(hours=4)
    flow.exchange()
    flow.sender.enqueue(consultation(updated_at=LATER))
    flow.pass_time(hours=4)

    flow.exchange()

    assert flow.state() == DELIVERED
    assert flow.sender.alerts() == []


@documents
def test_what_was_built_as_a_task_keeps_its_workflow_and_is_replaced_by_a_document(
    flow: Flow, database_url: str, renderer: PdfRenderer, tmp_path: Path
) -> None:
    before = bench.wire_sender(database_url, flow.mesh, renderer, tmp_path / "before", "task")
    before.enqueue(consultation())
    before.pass_time(hours=4)
    flow.mesh.down()
    before.once()
    before.database.close()
    flow.mesh.up()

    flow.pass_time(hours=1)
    flow.exchange()
    flow.sender.enqueue(consultation(updated_at=LATER, notes=[]))
    flow.pass_time(hours=4)
    flow.exchange()

    workflows = [post.workflow_id for post in flow.sender.posts()]
    assert workflows == ["GPFED_CONSULT_REPORT", "GPCONNECT_SEND_DOCUMENT"]
    assert {task["version"]: task["state"] for task in flow.receiver.tasks()} == {1: "superseded", 2: "open"}
    assert b"relatesTo" in flow.sender.posts()[-1].body


@documents
def test_a_document_replaces_only_what_the_same_practice_has(flow: Flow) -> None:
    for minute in (45, 50, 55):
        notes = [{"heading": str(minute), "items": []}]
        flow.sender.enqueue(consultation(updated_at=f"2026-11-20T17:{minute}:00+00:00", notes=notes))
        flow.pass_time(hours=4)
        flow.sender.once()
        with flow.sender.database.transaction() as session:
            # where the patient was registered at first
            session.execute(text("UPDATE report SET recipient_ods_code = 'C83003' WHERE version = 1"))

    own, target = "//f:Bundle//f:Bundle/f:identifier/f:value", "//f:relatesTo/f:targetIdentifier/f:value"
    first, second = sent(flow, 1), sent(flow, 2)
    assert [b"relatesTo" in post.body for post in flow.sender.posts()] == [False, False, True]
    assert value(second, target) == value(first, own)


@documents
def test_what_an_older_release_built_goes_in_the_workflow_of_the_task(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.mesh.down()
    flow.sender.once()
    with flow.sender.database.transaction() as session:
        session.execute(text("UPDATE report SET workflow_id = NULL"))
    flow.mesh.up()

    flow.pass_time(hours=1)
    flow.sender.once()

    assert [post.workflow_id for post in flow.sender.posts()] == ["GPFED_CONSULT_REPORT"]
