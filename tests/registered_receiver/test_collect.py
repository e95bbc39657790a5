from __future__ import annotations

from datetime import datetime
from typing import cast

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from registered_receiver import inbox
from registered_receiver.states import MessageState
from registered_receiver.tables import Message
from shared import uncollected
from shared.errors import MeshUnavailable
from shared.meanings.catalogue import meaning_of
from shared.mesh.messages import IncomingMessage
from tests.fakes.mesh_faults import Fault, answer, connection_refused, timeout_after, timeout_before
from tests.registered_receiver.bench import THEM, US, WORKFLOW, ReceiverBench, report
from tests.registered_receiver.conftest import MakeReceiver


def test_a_message_is_stored_before_mesh_is_told_to_forget_it(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh_id = receiver.deliver(report())

    def full_disk(*_arguments: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "keep", full_disk)
        with pytest.raises(OSError, match="disk full"):
            receiver.step("collect")
    assert receiver.mesh.acknowledged == []

    receiver.step("collect")

    assert receiver.mesh.acknowledged == [mesh_id]
    assert receiver.only()["state"] == "received"


def test_a_crash_between_storing_and_acknowledging_makes_no_second_record(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report())
    receiver.mesh.fail_next("PUT", "acknowledged", *[connection_refused] * 20)
    with pytest.raises(MeshUnavailable):
        receiver.step("collect")
    receiver.mesh._faults.clear()

    receiver.once()

    assert receiver.mesh.acknowledged == [mesh_id]
    assert receiver.only()["state"] == "filed"


@pytest.mark.parametrize(
    ("message_type", "workflow"),
    [
        ("DATA", "GPFED_CONSULT_REPORT_ACK"),
        ("REPORT", "GPFED_CONSULT_REPORT"),
    ],
)
def test_what_is_the_senders_is_left_alone_and_not_listed(
    receiver: ReceiverBench, message_type: str, workflow: str
) -> None:
    receiver.mesh.put(US, b"", sender=THEM, workflow_id=workflow, message_type=message_type)

    receiver.once()

    assert receiver.messages() == []
    assert receiver.mesh.acknowledged == []


@pytest.mark.parametrize("message_type", ["DATA", "REPORT"])
def test_what_is_for_neither_daemon_stays_in_mesh_and_is_listed_once(
    receiver: ReceiverBench, message_type: str
) -> None:
    mesh_id = receiver.mesh.put(US, b"x", sender=THEM, workflow_id="SOMETHING_ELSE", message_type=message_type)

    receiver.once()
    receiver.once()

    message = receiver.only()
    assert (message["mesh_message_id"], message["state"]) == (mesh_id, "ignored")
    assert receiver.mesh.acknowledged == []
    assert receiver.timeline(mesh_id) == ["left_in_mesh"]
    assert [line["event"] for line in receiver.log_lines()] == ["message.left"]


OURS = "OUR_REPORTS"


@pytest.fixture
def informed(receiver: ReceiverBench, make_receiver: MakeReceiver) -> ReceiverBench:
    """Give another process on the receiver's database, which knows of a workflow that the first takes for foreign."""
    return make_receiver(MESH_WORKFLOW_ID=OURS)


def test_a_report_that_was_taken_for_foreign_is_collected_whole_once_it_is_ours(
    receiver: ReceiverBench, informed: ReceiverBench
) -> None:
    mesh_id = receiver.deliver(report(), workflow_id=OURS)
    receiver.once()
    left = receiver.only()
    receiver.pass_time(hours=1)

    informed.once()

    assert left["state"] == "ignored"
    assert (receiver.only()["state"], receiver.only()["received_at"]) == ("filed", "2026-11-20T19:00:00.000Z")
    assert receiver.timeline(mesh_id)[:3] == ["left_in_mesh", "collected", "accepted"]
    assert receiver.mesh.acknowledged == [mesh_id]
    assert receiver.answers() == ["20013", "30001"]
    assert len(receiver.tasks()) == 1


def test_a_mesh_report_that_was_taken_for_foreign_opens_its_alert_once_it_is_ours(
    receiver: ReceiverBench, informed: ReceiverBench
) -> None:
    mesh_id = receiver.mesh.put(US, b"", message_type="REPORT", workflow_id=f"{OURS}_ACK", code="14")
    receiver.once()
    before = receiver.alerts()

    informed.once()

    assert before == []
    assert [alert["kind"] for alert in receiver.alerts()] == ["response_undelivered"]
    assert receiver.timeline(mesh_id) == ["left_in_mesh", "report_collected"]
    assert receiver.mesh.acknowledged == [mesh_id]


def taken_at_the_same_moment(*_arguments: object) -> None:
    raise IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed: message.mesh_message_id"))


def test_what_another_process_stores_at_the_same_moment_is_acknowledged(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh_id = receiver.deliver(report())
    receiver.mesh.fail_next("PUT", "acknowledged", answer(400))
    receiver.step("collect")
    monkeypatch.setattr(inbox, "keep", taken_at_the_same_moment)

    receiver.step("collect")

    assert receiver.mesh.acknowledged == [mesh_id]
    assert receiver.alerts() == []


def test_what_another_process_leaves_at_the_same_moment_is_not_acknowledged_but_collected_in_the_next_round(
    receiver: ReceiverBench, informed: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh_id = receiver.deliver(report(), workflow_id=OURS)
    receiver.once()
    with monkeypatch.context() as patch:
        patch.setattr(inbox, "keep", taken_at_the_same_moment)
        informed.step("collect")
    acknowledged = list(receiver.mesh.acknowledged)

    informed.once()

    assert (acknowledged, receiver.mesh.acknowledged) == ([], [mesh_id])
    assert receiver.only()["state"] == "filed"


def test_what_two_processes_leave_at_the_same_moment_is_no_failure(
    receiver: ReceiverBench, informed: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.mesh.put(US, b"x", workflow_id="PATHOLOGY")
    informed.once()
    monkeypatch.setattr(inbox, "keep_record", lambda *_arguments: taken_at_the_same_moment())

    assert receiver.once()

    assert receiver.alerts() == []


def test_a_round_ends_between_two_messages_when_the_daemon_stops(receiver: ReceiverBench) -> None:
    for version in range(1, 4):
        receiver.deliver(report(version))
    receiver.receiver.stopping.set()

    assert receiver.step("collect") == 0

    receiver.receiver.stopping.clear()
    assert receiver.step("collect") == 3


@pytest.mark.parametrize("fault", [answer(504), answer(500), timeout_before], ids=["504", "500", "timeout"])
def test_a_message_that_mesh_always_stumbles_over_holds_no_other_up_and_is_told(
    receiver: ReceiverBench, fault: Fault
) -> None:
    bad = receiver.deliver(report(1))
    good = receiver.deliver(report(2))
    receiver.mesh.fail_next("GET", f"inbox/{bad}", *[fault] * 20)

    assert receiver.once()

    assert [message["mesh_message_id"] for message in receiver.messages()] == [good]
    assert [(alert["kind"], alert["subject_id"]) for alert in receiver.alerts()] == [("collection_failed", bad)]


def test_what_the_database_refuses_of_one_message_holds_no_other_up_and_is_told(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = receiver.deliver(report(1))
    good = receiver.deliver(report(2))
    real = inbox.keep

    def refuse_one(session: Session, incoming: IncomingMessage, now: datetime) -> Message | None:
        message = real(session, incoming, now)
        if message is not None and message.mesh_message_id == bad:
            session.get_one(Message, bad).state = cast("MessageState", "lost")
            session.flush()
        return message

    monkeypatch.setattr(inbox, "keep", refuse_one)

    receiver.once()

    assert [message["mesh_message_id"] for message in receiver.messages()] == [good]
    assert receiver.mesh.acknowledged == [good]
    (alert,) = receiver.alerts()
    assert (alert["kind"], alert["subject_id"]) == ("collection_failed", bad)
    assert "cannot be stored (IntegrityError)" in alert["text"]


def test_a_database_that_is_away_ends_the_round(receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.deliver(report())

    def away(*_arguments: object) -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(inbox, "keep", away)

    assert not receiver.once()

    assert receiver.mesh.acknowledged == []
    assert receiver.alerts() == []


def test_header_values_of_any_length_are_stored_or_cut(receiver: ReceiverBench) -> None:
    longest, mailbox = "X" * 2000, "M" * 400
    mesh_id = receiver.deliver(report(sender_mailbox=mailbox), sender=mailbox, local_id=longest, subject=longest)
    receiver.mesh.put(US, b"", message_type="REPORT", workflow_id=f"{WORKFLOW}_ACK", code=longest, local_id=longest)

    assert receiver.once()
    receiver.deliver(report(sender_mailbox=mailbox), sender=mailbox)
    assert receiver.once()

    assert receiver.mesh.inbox(US) == []
    assert sorted(message["state"] for message in receiver.messages()) == ["duplicate", "filed", "ignored"]
    alerts = {(alert["kind"], alert["code"]) for alert in receiver.alerts()}
    assert alerts == {("response_undelivered", "X" * 64), ("response_parked", None)}
    assert mesh_id in {alert["subject_id"] for alert in receiver.alerts()}


def test_meshs_report_about_a_response_opens_an_alert_on_the_message_it_answered(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report())
    receiver.once()
    report_id = receiver.mesh.report(receiver.posts()[1].message_id)

    receiver.once()

    by_id = {message["mesh_message_id"]: message["state"] for message in receiver.messages()}
    assert by_id == {mesh_id: "filed", report_id: "ignored"}
    assert report_id in receiver.mesh.acknowledged
    (alert,) = receiver.alerts()
    assert (alert["kind"], alert["subject_id"], alert["code"]) == ("response_undelivered", mesh_id, "14")
    assert f"the business response 30001 to MESH message {mesh_id}" in alert["text"]
    assert str(meaning_of("14")) in alert["text"]
    assert "The sending practice waits for this response" in alert["action"]
    assert receiver.timeline(mesh_id)[-1] == "response_undelivered"


def test_a_report_is_ours_by_its_local_id_when_mesh_names_no_message(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report())
    receiver.once()
    local_id = receiver.posts()[0].local_id
    receiver.mesh.put(US, b"", message_type="REPORT", workflow_id="", local_id=local_id, code="14")

    receiver.once()

    (alert,) = receiver.alerts()
    assert alert["subject_id"] == mesh_id


def test_a_report_that_comes_again_is_told_once(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.once()
    local_id = receiver.posts()[0].local_id
    report_id = receiver.mesh.put(
        US, b"", message_type="REPORT", linked_message_id="UNKNOWN", local_id=local_id, workflow_id="", code="14"
    )
    receiver.mesh.fail_next("PUT", report_id, answer(400))

    receiver.step("collect")
    receiver.step("collect")

    assert report_id in receiver.mesh.acknowledged
    assert [alert["kind"] for alert in receiver.alerts()] == ["response_undelivered"]


def test_a_report_about_a_response_we_never_sent_is_told_on_its_own(receiver: ReceiverBench) -> None:
    mesh_id = receiver.mesh.put(US, b"", message_type="REPORT", workflow_id="GPFED_CONSULT_REPORT_ACK", code="14")

    receiver.once()

    (alert,) = receiver.alerts()
    assert (alert["subject_id"], alert["kind"]) == (mesh_id, "response_undelivered")


def test_a_message_that_mesh_cannot_give_out_never_blocks_the_next_and_is_told_until_it_comes(
    receiver: ReceiverBench,
) -> None:
    bad = receiver.deliver(report(1))
    good = receiver.deliver(report(2))
    receiver.mesh.fail_next("GET", f"inbox/{bad}", answer(400, b"no"))

    receiver.step("collect")

    assert [message["mesh_message_id"] for message in receiver.messages()] == [good]
    (alert,) = receiver.alerts()
    assert (alert["kind"], alert["subject_id"]) == ("collection_failed", bad)
    receiver.step("collect")
    assert receiver.alerts() == []
    assert len(receiver.messages()) == 2


def test_the_alert_ends_though_the_process_that_collected_the_message_was_killed_before_it_could_say_so(
    receiver: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = receiver.deliver(report(1))
    receiver.mesh.fail_next("GET", f"inbox/{late}", answer(400, b"no"))
    receiver.step("collect")
    before = receiver.alerts()
    with monkeypatch.context() as killed:
        killed.setattr(uncollected.Uncollected, "note", _killed)
        with pytest.raises(KeyboardInterrupt):
            receiver.step("collect")

    receiver.step("collect")

    assert [alert["kind"] for alert in before] == ["collection_failed"]
    assert receiver.alerts() == []


def _killed(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_message_that_mesh_never_gives_out_is_not_told_of_by_every_process(receiver: ReceiverBench) -> None:
    bad = receiver.deliver(report(1))
    receiver.mesh.fail_next("GET", f"inbox/{bad}", *[answer(400, b"no")] * 99)
    for _ in range(30):
        receiver.step("collect")
        receiver.pass_time(hours=1)

    assert [line["event"] for line in receiver.log_lines()].count("collection.failed") == 1
    assert [alert["kind"] for alert in receiver.alerts()] == ["collection_failed"]


def test_a_message_that_cannot_be_acknowledged_does_not_keep_once_from_ending(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.mesh.fail_next("PUT", "acknowledged", *[answer(400, b"no")] * 4)

    assert receiver.once()

    assert receiver.only()["state"] == "filed"
    assert receiver.answers() == ["20013", "30001"]


def test_an_outage_of_mesh_is_said_once_and_once_ends_with_a_failure(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.mesh.down()

    assert not receiver.once()

    receiver.mesh.up()
    assert receiver.once()
    assert receiver.only()["state"] == "filed"
    assert [line["event"] for line in receiver.log_lines()].count("outage.began") == 1


def test_an_answer_of_mesh_that_got_lost_loses_no_message(receiver: ReceiverBench) -> None:
    receiver.deliver(report())
    receiver.mesh.fail_next("PUT", "acknowledged", timeout_after)
    receiver.mesh.fail_next("GET", "inbox/", timeout_after)

    receiver.once()

    assert receiver.only()["state"] == "filed"
