from __future__ import annotations

import pytest

from registered_receiver import inbox
from shared.errors import MeshUnavailable
from tests.fakes.mesh_faults import answer, connection_refused, timeout_after
from tests.registered_receiver.bench import THEM, US, ReceiverBench, report


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
    assert "business response" in alert["text"]
    assert receiver.timeline(mesh_id)[-1] == "response_undelivered"


def test_a_report_is_ours_by_its_local_id_when_mesh_names_no_message(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report())
    receiver.once()
    local_id = receiver.posts()[0].local_id
    receiver.mesh.put(US, b"", message_type="REPORT", workflow_id="", local_id=local_id, code="14")

    receiver.once()

    (alert,) = receiver.alerts()
    assert alert["subject_id"] == mesh_id


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
