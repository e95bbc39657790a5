"""From the outbox to MESH: when, whether, and exactly once."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from federated_sender import attachments, workload
from federated_sender import send as module
from shared.itk3.parse import read
from shared.itk3.rule import Context
from shared.itk3.rules import judge, read_report
from shared.mesh.delivery import deliver
from tests.fakes.mesh_faults import Serve, answer, answer_after, connection_refused, timeout_after, timeout_before
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.conftest import MakeSender

LATER = "2026-11-20T17:45:00+00:00"


def read_post(sender: SenderBench, number: int = 0):
    reading = read(sender.posts()[number].body, 20_000_000)
    assert reading.envelope is not None
    assert judge(reading, Context(ods_code="B82002", sender_mailbox="ALDERMB1")).code == "20013"
    return read_report(reading.envelope)


@pytest.mark.requirement("GPCM-SD-096", "GPCM-SD-101", "GPCM-SD-076")
def test_a_consultation_is_sent_three_hours_after_its_last_update(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.once()
    early = sender.only()

    sender.pass_time(hours=2, minutes=30)
    sender.once()

    late = sender.only()
    assert (early["state"], early["version"], early["mesh_message_id"]) == ("waiting", None, None)
    assert (late["state"], late["version"], late["recipient_ods_code"]) == ("sent", 1, "B82002")
    assert [post.message_id for post in sender.posts()] == [late["mesh_message_id"]]
    assert sender.timeline(late["report_id"]) == ["updated", "due", "built", "taken"]


@pytest.mark.requirement("GPCM-SD-097")
def test_an_update_before_sending_restarts_the_delay_and_replaces_the_content(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=2)
    sender.enqueue(consultation(updated_at="2026-11-20T19:55:00+00:00", notes=[]))

    sender.pass_time(minutes=30)
    sender.once()
    first_due = sender.only()
    sender.pass_time(hours=2, minutes=30)
    sender.once()

    assert first_due["state"] == "waiting"
    assert (sender.only()["state"], sender.only()["version"], len(sender.posts())) == ("sent", 1, 1)


@pytest.mark.requirement("GPCM-SD-099", "GPCM-SD-098", "GPCM-SD-042")
def test_an_update_after_sending_is_the_next_version_of_the_same_consultation(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", patient__gender="female"))
    sender.pass_time(hours=4)

    sender.once()

    second, first = sender.status()
    assert [(r["version"], r["state"]) for r in (first, second)] == [(1, "sent"), (2, "sent")]
    assert first["report_id"] != second["report_id"]
    reports = [read_post(sender, number) for number in (0, 1)]
    assert [report.sender_reference for report in reports] == [CONSULTATION, CONSULTATION]
    assert [report.version for report in reports] == [1, 2]


def test_the_same_content_again_changes_nothing(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    before = sender.only()
    sender.pass_time(hours=1)

    sender.enqueue(consultation(updated_at="2026-11-20T18:30:00+00:00"))

    assert sender.only() == before


@pytest.mark.requirement("GPCM-SD-100")
def test_a_practice_may_set_its_own_delay(make_sender: MakeSender) -> None:
    sender = make_sender(delay=timedelta(minutes=10))
    sender.enqueue(consultation())

    sender.once()

    assert sender.only()["state"] == "sent"


@pytest.mark.requirement("GPCM-SD-083")
def test_nothing_is_sent_for_a_regular_patient(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registration_type="regular"))
    sender.pass_time(hours=4)

    sender.once()

    assert (sender.only()["state"], sender.only()["reason"]) == ("not_required", "regular_patient")
    assert sender.posts() == []


@pytest.mark.requirement("GPCM-SD-084", "GPCM-SD-085")
@pytest.mark.parametrize(("practice", "reason"), [("A81001", "own_practice"), ("C83003", "not_in_federation")])
def test_nothing_is_sent_unless_the_registered_practice_is_another_one_of_the_federation(
    sender: SenderBench, practice: str, reason: str
) -> None:
    sender.enqueue(consultation(patient__registered_practice_ods_code=practice))
    sender.pass_time(hours=4)

    sender.once()

    assert (sender.only()["state"], sender.only()["reason"]) == ("not_required", reason)
    assert sender.posts() == []


def test_a_patient_who_becomes_eligible_by_an_update_is_reported(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registration_type="regular"))
    sender.pass_time(hours=4)
    sender.once()

    sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00"))
    sender.pass_time(hours=4)
    sender.once()

    assert (sender.only()["state"], sender.only()["version"], sender.only()["reason"]) == ("sent", 1, None)


@pytest.mark.requirement("GPCM-SD-038", "GPCM-SD-056", "GPCM-SD-057", "GPCM-SD-062", "GPCM-SD-063")
def test_the_message_is_routed_by_the_patient_that_it_holds(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)

    sender.once()

    (post,) = sender.posts()
    patient = read_post(sender).patient
    routed = f"GPPROVIDER_{patient.nhs_number}_{patient.birth_date:%Y%m%d}_{patient.name.family}"
    assert post.addressed_to == routed == "GPPROVIDER_9690937278_19570109_Smith"
    assert (post.workflow_id, post.sender, post.recipient) == ("GPFED_CONSULT_REPORT", "ALDERMB1", "BIRCHMB1")


@pytest.mark.requirement("GPCM-SD-064", "GPCM-SD-018", "GPCM-SD-091")
def test_the_subject_is_the_description_of_the_task_with_the_version(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)

    sender.once()

    expected = (
        "Federated consultation report for Mr Richard John Smith , NHS Number 9690937278,"
        " seen at Alder Practice, ODS Code A81001, Version 1"
    )
    assert sender.posts()[0].subject == read_post(sender).description == expected


@pytest.mark.requirement("GPCM-SD-102", "GPCM-SD-088")
def test_attachments_go_with_the_report_but_not_when_the_consultation_is_confidential(sender: SenderBench) -> None:
    (sender.directory / "ecg.pdf").write_bytes(b"%PDF-1.7 ecg")
    documents = [{"title": "ECG", "content_type": "application/pdf", "path": "ecg.pdf"}]
    other = "11111111-2222-4333-8444-555555555555"
    sender.enqueue(
        consultation(attachments=documents),
        consultation(consultation_id=other, attachments=documents, confidential=True),
    )
    sender.pass_time(hours=4)

    sender.once()

    by_reference = {report.sender_reference: report for report in (read_post(sender, 0), read_post(sender, 1))}
    open_report, confidential = by_reference[CONSULTATION], by_reference[other]
    assert [d.description for d in open_report.documents] == ["Federated Consultation Report", "ECG"]
    assert open_report.documents[1].data == b"%PDF-1.7 ecg"
    assert [d.description for d in confidential.documents] == ["Federated Consultation Report"]
    assert "Alder" not in confidential.description


def test_a_message_that_the_receiver_would_refuse_is_not_sent(
    sender: SenderBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # whatever lets a wrong attachment through, the finished message is held against the receiver's rules
    monkeypatch.setattr(attachments, "_type_faults", lambda *_: [])
    program = {"title": "Tool", "content_type": "application/pdf", "data": "TVqQAA=="}
    sender.enqueue(consultation(attachments=[program]))
    sender.pass_time(hours=4)

    sender.once()

    assert sender.only()["state"] == "invalid"
    assert "DocumentReference.content.attachment.data is not of its contentType" in sender.only()["reason"]
    assert [alert["kind"] for alert in sender.alerts()] == ["invalid"]
    assert sender.posts() == []


def test_a_message_larger_than_the_limit_is_not_built(make_sender: MakeSender) -> None:
    sender = make_sender(max_size=5_000)
    sender.enqueue(consultation())
    sender.pass_time(hours=4)

    sender.once()

    assert (sender.only()["state"], sender.only()["reason"]) == (
        "invalid",
        "attachments: make the message larger than MAX_MESSAGE_SIZE",
    )


def test_while_mesh_is_away_nothing_is_lost_and_the_report_goes_out_afterwards(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.down()

    reached = sender.once()
    during = sender.only()
    sender.mesh.up()
    sender.pass_time(minutes=5)
    sender.once()

    assert reached is False
    assert (during["state"], during["version"]) == ("queued", 1)
    assert (sender.only()["state"], len(sender.posts())) == ("sent", 1)


def test_a_post_that_was_taken_without_an_answer_is_found_and_not_repeated(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "/outbox", timeout_after)
    sender.once()
    ambiguous = sender.only()

    sender.pass_time(minutes=5)
    sender.once()

    assert ambiguous["state"] == "queued"
    assert (sender.only()["state"], len(sender.posts())) == ("sent", 1)
    assert sender.only()["mesh_message_id"] == sender.posts()[0].message_id


@pytest.mark.parametrize("fault", [timeout_before, answer(503), answer(500)], ids=["timeout", "503", "500"])
def test_a_post_that_may_have_been_taken_but_was_not_is_repeated_with_the_same_bytes(
    sender: SenderBench, fault
) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "/outbox", fault)
    sender.once()
    built = sender.only()["message_id"]

    sender.pass_time(minutes=5)
    sender.once()

    assert (sender.only()["state"], sender.only()["message_id"], len(sender.posts())) == ("sent", built, 1)


def test_an_unreadable_answer_after_the_message_was_taken_makes_no_second_one(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "/outbox", answer_after(202, b"<html>"))
    sender.once()

    sender.pass_time(minutes=5)
    sender.once()

    assert (sender.only()["state"], len(sender.posts())) == ("sent", 1)


def test_a_crash_after_the_post_is_continued_by_another_process_without_a_second_message(
    make_sender: MakeSender,
) -> None:
    crashing, next_process = make_sender(), make_sender()
    crashing.enqueue(consultation())
    crashing.pass_time(hours=4)
    crashing.step("send")  # built
    send = crashing.jobs[3].step.__self__
    with pytest.raises(RuntimeError):
        _post_and_die(send)

    next_process.once()
    still_leased = next_process.only()["state"]
    next_process.pass_time(minutes=20)
    next_process.once()

    assert still_leased == "queued"
    assert (next_process.only()["state"], len(next_process.posts())) == ("sent", 1)


def _post_and_die(send) -> None:
    """Do what the job does up to MESH's answer, and nothing afterwards."""
    with send.database.transaction() as session:
        work = workload.claim(session, send.clock(), send.workflow_id)
    with send.database.transaction() as session:
        report = workload.ours(session, work)
        assert report is not None
        workload.begin_post(report, send.clock())
    deliver(send.mesh, work.message, look_first=work.look_first)
    raise RuntimeError("killed")


def test_an_update_that_comes_while_a_version_is_built_is_neither_lost_nor_mixed(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    send = sender.jobs[3].step.__self__
    with sender.database.transaction() as session:
        work = workload.claim(session, sender.now(), send.workflow_id)

    sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    send._build(work)

    assert (sender.only()["state"], sender.only()["version"]) == ("waiting", None)
    sender.pass_time(hours=4)
    sender.once()
    assert (sender.only()["state"], sender.only()["version"], len(sender.posts())) == ("sent", 1, 1)


def test_a_stored_version_goes_before_the_next_one(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.step("send")  # built, not posted
    sender.enqueue(consultation(updated_at="2026-11-20T18:10:00+00:00", notes=[]))
    sender.mesh.down()
    sender.step("send")
    sender.step("send")
    during = {r["version"]: r["state"] for r in sender.status()}
    sender.mesh.up()
    sender.pass_time(minutes=5)

    sender.once()

    assert during == {1: "queued", None: "waiting"}
    assert [read_post(sender, number).version for number in (0, 1)] == [1, 2]


def test_a_message_that_mesh_refuses_is_failed_and_a_person_is_told(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    body = b'{"detail":[{"event":"SEND","code":"12","msg":"Unregistered to address"}]}'
    sender.mesh.fail_next("POST", "/outbox", answer(417, body))

    sender.once()

    assert (sender.only()["state"], sender.only()["reason"]) == ("failed", "12")
    assert [(a["kind"], a["subject_id"]) for a in sender.alerts()] == [("refused", sender.only()["report_id"])]


def test_a_mailbox_that_is_not_let_in_fails_no_report(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "/outbox", answer(403))

    reached = sender.once()
    during = sender.only()["state"]
    sender.pass_time(hours=1)
    sender.once()

    assert (reached, during, sender.only()["state"]) == (False, "queued", "sent")


def test_one_report_that_a_gateway_does_not_let_through_holds_up_no_other(sender: SenderBench) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    sender.enqueue(consultation(), consultation(consultation_id=other))
    sender.pass_time(hours=4)
    disliked: list[str] = []

    def gateway(request: httpx.Request, serve: Serve) -> httpx.Response:
        disliked.append(request.headers["mex-localid"])
        return answer(403)(request, serve) if disliked[-1] == disliked[0] else serve(request)

    sender.mesh.fail_next("POST", "/outbox", *[gateway] * 20)
    for _ in range(6):
        sender.once()
        sender.pass_time(minutes=5)

    assert sorted(report["state"] for report in sender.status()) == ["queued", "sent"]


def test_a_poisonous_report_is_set_aside_and_the_others_go_out(
    sender: SenderBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    sender.enqueue(consultation(), consultation(consultation_id=other))
    sender.pass_time(hours=4)
    real = module.report_html

    def poisoned(content, **facts):
        if str(content.consultation_id) == CONSULTATION:
            raise KeyError("Smith")
        return real(content, **facts)

    monkeypatch.setattr(module, "report_html", poisoned)
    for _ in range(12):
        sender.once()
        sender.pass_time(hours=2)

    states = {r["consultation_id"]: r["state"] for r in sender.status()}
    assert states == {CONSULTATION: "queued", other: "sent"}
    (alert,) = [a for a in sender.alerts() if a["kind"] == "parked"]
    assert "Smith" not in alert["text"]


def test_a_connection_that_never_came_about_is_simply_tried_again(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "/outbox", connection_refused)
    sender.once()

    sender.pass_time(minutes=1)
    sender.once()

    assert (sender.only()["state"], len(sender.posts())) == ("sent", 1)


@pytest.mark.requirement("GPCM-SD-076")
def test_a_report_that_does_not_go_out_in_time_opens_one_alert_which_closes_when_it_does(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=2, minutes=30)
    sender.mesh.down()
    sender.once()
    early = sender.alerts()
    sender.pass_time(minutes=20)
    sender.once()
    sender.once()
    late = [alert["kind"] for alert in sender.alerts()]

    sender.mesh.up()
    sender.pass_time(minutes=1)
    sender.once()

    assert (early, late) == ([], ["not_sent"])
    assert (sender.only()["state"], sender.alerts()) == ("sent", [])


def test_stored_content_that_cannot_be_read_any_more_stops_nobody_else(sender: SenderBench) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    sender.enqueue(consultation(), consultation(consultation_id=other))
    with sender.database.transaction() as session:
        session.execute(text("UPDATE report SET content = '{}' WHERE consultation_id = :id"), {"id": CONSULTATION})
    sender.pass_time(hours=4)

    sender.once()

    states = {record["consultation_id"]: record["state"] for record in sender.status()}
    assert states == {CONSULTATION: "queued", other: "sent"}


def test_after_an_outage_every_report_is_due_at_once(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.down()
    for _ in range(5):
        sender.once()
        sender.pass_time(minutes=5)

    sender.mesh.up()
    sender.once()

    assert (sender.only()["state"], len(sender.posts())) == ("sent", 1)


def test_a_process_that_lost_its_claim_does_not_post(make_sender: MakeSender) -> None:
    slow, other = make_sender(), make_sender()
    slow.enqueue(consultation())
    slow.pass_time(hours=4)
    slow.step("send")  # built
    send = slow.jobs[3].step.__self__
    with slow.database.transaction() as session:
        work = workload.claim(session, slow.now(), send.workflow_id)
    slow.pass_time(minutes=16)
    other.once()

    send._post(work, work.message)

    assert (slow.only()["state"], len(slow.posts())) == ("sent", 1)


def test_a_report_that_was_set_aside_goes_out_once_its_consultation_is_changed(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    with sender.database.transaction() as session:
        session.execute(text("UPDATE report SET parked_at = '2026-11-20 18:00:00+00'"))
    sender.pass_time(hours=4)
    sender.once()
    parked = sender.only()["state"]

    sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    sender.pass_time(hours=4)
    sender.once()

    assert (parked, sender.only()["state"]) == ("waiting", "sent")


@pytest.mark.parametrize(("status", "wish", "minutes"), [(429, "1200", 20), (503, "1200", 20), (429, "86400", 60)])
def test_a_report_is_not_tried_again_before_mesh_wants_it_but_within_an_hour(
    sender: SenderBench, status: int, wish: str, minutes: int
) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.fail_next("POST", "outbox$", answer(status, retry_after=wish))
    sender.once()
    sender.pass_time(minutes=minutes - 1)
    sender.once()
    too_early = sender.only()["state"]

    sender.pass_time(minutes=2)
    sender.once()

    assert (too_early, sender.only()["state"]) == ("queued", "sent")
