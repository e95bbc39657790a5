"""One consultation from the federated practice's outbox to the registered practice's worklist and back."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

import pytest

from tests.federated_sender.bench import ALDER, CONSULTATION, consultation
from tests.flow.bench import Flow
from tests.registered_receiver.bench import INDEXED_SMITH

DELIVERED = ("delivered", "20013", "30001")
DIARY = b"%PDF-1.7 diary"


@pytest.mark.requirement("GPCM-SD-001", "GPCM-SD-042", "GPCM-SD-088", "GPCM-SD-092", "GPCM-SD-093")
def test_a_consultation_with_an_attachment_is_delivered_and_on_the_worklist(flow: Flow) -> None:
    (flow.sender.directory / "diary.pdf").write_bytes(DIARY)
    attached = [{"title": "Diary", "content_type": "application/pdf", "path": "diary.pdf"}]
    flow.sender.enqueue(consultation(attachments=attached))
    flow.pass_time(hours=4)

    flow.exchange()

    assert flow.state() == DELIVERED
    (task,) = flow.receiver.tasks()
    assert (task["state"], task["consultation_id"], task["version"]) == ("open", CONSULTATION, 1)
    assert task["subject"] == flow.sender.posts()[0].subject
    assert [each["description"] for each in task["documents"]] == ["Federated Consultation Report", "Diary"]
    assert task["documents"][1]["sha256"] == hashlib.sha256(DIARY).hexdigest()
    assert flow.sender.alerts() == flow.receiver.alerts() == flow.left_in_mesh() == []


@pytest.mark.requirement("GPCM-C-01")
def test_both_daemons_know_a_message_by_the_same_ids(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)

    flow.exchange()

    sent, received = flow.sender.only(), flow.receiver.only()
    for name in ("message_id", "mesh_message_id", "infrastructure_code", "business_code"):
        assert sent[name] == received[name], name
    assert received["sender_reference"] == sent["consultation_id"]


def test_nothing_more_happens_once_all_is_delivered(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.exchange()
    before = (flow.sender.status(), flow.receiver.messages(), len(flow.mesh.posts))

    flow.pass_time(days=30)
    flow.exchange()

    assert (flow.sender.status(), flow.receiver.messages(), len(flow.mesh.posts)) == before
    assert flow.sender.alerts() == flow.receiver.alerts() == []


@pytest.mark.requirement("GPCM-SD-098", "GPCM-SD-099")
def test_an_update_after_sending_supersedes_the_first_version(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.exchange()
    flow.sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    flow.pass_time(hours=4)

    flow.exchange()

    assert (flow.state(1), flow.state(2)) == (DELIVERED, DELIVERED)
    second, first = flow.receiver.tasks()
    assert [(task["version"], task["state"]) for task in (first, second)] == [(1, "superseded"), (2, "open")]
    assert first["superseded_by"] == second["task_id"]


@pytest.mark.requirement("GPCM-SD-098", "GPCM-SD-099")
def test_two_versions_that_are_collected_together_are_filed_in_their_order(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.sender.once()
    flow.sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    flow.pass_time(hours=4)

    flow.exchange()

    assert (flow.state(1), flow.state(2)) == (DELIVERED, DELIVERED)
    assert {task["version"]: task["state"] for task in flow.receiver.tasks()} == {1: "superseded", 2: "open"}


@pytest.mark.requirement("GPCM-SD-102", "1.3/GPCM-SD-102")
@pytest.mark.parametrize("payload", ["task", "document 1.3"], indirect=True)
def test_a_confidential_consultation_is_delivered_as_its_report_alone(flow: Flow) -> None:
    (flow.sender.directory / "diary.pdf").write_bytes(DIARY)
    attached = [{"title": "Diary", "content_type": "application/pdf", "path": "diary.pdf"}]
    flow.sender.enqueue(consultation(attachments=attached, confidential=True))
    flow.pass_time(hours=4)

    flow.exchange()

    assert flow.state() == DELIVERED
    (task,) = flow.receiver.tasks()
    assert [each["content_type"] for each in task["documents"]] == ["application/pdf"]
    assert ALDER.name not in task["subject"]


@pytest.mark.requirement("GPCM-SD-094")
def test_a_patient_who_left_is_not_filed_and_somebody_at_the_sender_is_told(flow: Flow) -> None:
    flow.receiver.know(replace(INDEXED_SMITH, status="left", left_on=date(2026, 1, 5)))
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)

    flow.exchange()

    assert flow.state() == ("failed", "20013", "30003")
    assert flow.receiver.tasks() == []
    assert flow.receiver.only()["state"] == "unmatched"
    (alert,) = flow.sender.alerts()
    assert (alert["kind"], alert["code"]) == ("negative_response", "30003")


def test_a_near_miss_waits_for_a_person_and_is_delivered_by_their_decision(flow: Flow) -> None:
    flow.receiver.know(replace(INDEXED_SMITH, family="Farnborough"))
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.exchange()
    waiting, tasks = flow.state(), flow.receiver.tasks()
    (review,) = flow.receiver.reviews()

    decided = flow.receiver.command("reviews", "match", review["review_id"], "--candidate", "1")
    flow.exchange()

    assert (waiting, tasks) == (("accepted", "20013", None), [])
    assert decided.exit_code == 0, decided.output
    assert flow.state() == DELIVERED
    assert [task["state"] for task in flow.receiver.tasks()] == ["open"]


def test_a_near_miss_that_a_person_rejects_is_told_to_the_sender(flow: Flow) -> None:
    flow.receiver.know(replace(INDEXED_SMITH, family="Farnborough"))
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.exchange()
    (review,) = flow.receiver.reviews()

    decided = flow.receiver.command("reviews", "reject", review["review_id"], "--reason", "another person")
    flow.exchange()

    assert decided.exit_code == 0, decided.output
    assert flow.state() == ("failed", "20013", "30002")
    assert flow.receiver.tasks() == []


@pytest.mark.requirement("GPCM-SD-094")
@pytest.mark.parametrize(
    ("change", "code"),
    [({"nhs_number": "9990000018"}, "EPL-153"), ({"family": "Jones"}, "EPL-154")],
    ids=["unknown number", "another surname"],
)
def test_what_mesh_cannot_route_never_arrives_and_the_sender_knows(
    flow: Flow, change: dict[str, str], code: str
) -> None:
    content = consultation()
    content["patient"] |= change
    flow.sender.enqueue(content)
    flow.pass_time(hours=4)

    flow.exchange()

    assert (flow.sender.only()["state"], flow.sender.only()["reason"]) == ("failed", code)
    assert flow.receiver.messages() == flow.left_in_mesh() == []
    assert [alert["code"] for alert in flow.sender.alerts()] == [code]


@pytest.mark.requirement("GPCM-SD-095")
def test_a_practice_that_does_not_answer_is_overdue_and_the_alerts_close_when_it_does(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.sender.once()
    flow.pass_time(days=8)
    flow.sender.once()
    overdue, opened = flow.sender.only()["overdue"], {alert["kind"] for alert in flow.sender.alerts()}

    flow.exchange()

    assert overdue == ["infrastructure", "business"]
    assert opened == {"infrastructure_overdue", "business_overdue"}
    assert flow.state() == DELIVERED
    assert (flow.sender.only()["overdue"], flow.sender.alerts()) == ([], [])
