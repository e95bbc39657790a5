"""The exchange while MESH is away, while answers get lost, with hostile messages between, with several processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from tests.fakes.mesh_faults import Fault, answer, answer_after, reset_after, timeout_after, timeout_before
from tests.federated_sender.bench import WORKFLOW, consultation
from tests.flow.bench import Flow
from tests.flow.conftest import Wire
from tests.registered_receiver.bench import INDEXED_SMITH

DELIVERED = ("delivered", "20013", "30001")


def several(number: int) -> list[dict]:
    return [consultation(consultation_id=str(UUID(int=0x1000 + index, version=4))) for index in range(number)]


@pytest.mark.requirement("GPCM-C-01", "GPCM-SD-076")
def test_an_outage_of_mesh_loses_nothing_and_is_said_once_by_each_daemon(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.mesh.down()
    for _ in range(5):
        flow.exchange()
        flow.pass_time(minutes=5)
    during = flow.sender.only()["state"]

    flow.mesh.up()
    flow.pass_time(hours=1)
    flow.exchange()

    assert (during, flow.state()) == ("queued", DELIVERED)
    began, ended = flow.lines("outage.began"), flow.lines("outage.ended")
    assert [(line["of"], line["level"]) for line in began] == [("MESH", "warning")] * 2
    assert [(line["of"], line["level"]) for line in ended] == [("MESH", "info")] * 2
    assert flow.sender.alerts() == flow.receiver.alerts() == flow.lines("job.failed") == []


def test_an_outage_between_report_and_response_files_the_report_once(flow: Flow) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.sender.once()
    flow.receiver.step("collect")
    flow.mesh.down()
    flow.receiver.once()
    flow.pass_time(hours=1)
    flow.receiver.once()
    filed = flow.receiver.only()["state"]

    flow.mesh.up()
    flow.pass_time(hours=1)
    flow.exchange()

    assert (filed, flow.state()) == ("filed", DELIVERED)
    assert len(flow.receiver.tasks()) == 1
    assert flow.receiver.answers() == ["20013", "30001"]


@pytest.mark.parametrize(
    "fault",
    [timeout_before, timeout_after, reset_after, answer(503), answer(500), answer_after(202, b"<html>")],
    ids=["timeout before", "timeout after", "reset after", "503", "500", "unreadable answer"],
)
@pytest.mark.parametrize("nth", range(3), ids=["report", "infrastructure response", "business response"])
def test_a_lost_answer_to_any_post_makes_neither_a_loss_nor_a_second_message(
    flow: Flow, fault: Fault, nth: int
) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.mesh.fail_next("POST", "/outbox", *[_served] * nth, fault)

    for _ in range(3):
        flow.exchange()
        flow.pass_time(minutes=10)

    assert flow.state() == DELIVERED
    (report, *responses) = [post.workflow_id for post in flow.mesh.posts]
    assert responses == [f"{report}_ACK"] * 2
    assert len(flow.receiver.tasks()) == 1


def _served(request, serve):
    return serve(request)


@pytest.mark.parametrize(
    "body",
    [b"", b"not XML at all", b"<Bundle", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\x00" * 1000, b"<html/>"],
    ids=["empty", "text", "cut off", "entities", "zeros", "HTML"],
)
def test_a_hostile_message_in_either_mailbox_does_not_stop_the_others(flow: Flow, body: bytes) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.mesh.put("BIRCHMB1", body, sender="ALDERMB1")
    flow.mesh.put("ALDERMB1", body, sender="BIRCHMB1", workflow_id=f"{WORKFLOW}_ACK")

    flow.exchange()

    assert flow.state() == DELIVERED
    assert [task["state"] for task in flow.receiver.tasks()] == ["open"]
    assert flow.lines("job.failed") == []


def test_a_response_of_the_receiver_is_never_answered_by_the_sender(flow: Flow) -> None:
    flow.mesh.put("BIRCHMB1", b"not XML at all", sender="ALDERMB1")
    flow.exchange()
    answered = len(flow.mesh.posts)

    flow.pass_time(days=1)
    flow.exchange()

    assert (answered, len(flow.mesh.posts)) == (1, 1)


def test_several_processes_of_each_daemon_send_file_and_answer_everything_once(wire: Wire) -> None:
    first, second = wire(), wire()
    first.receiver.know(INDEXED_SMITH)
    first.sender.enqueue(*several(6))
    first.pass_time(hours=4)

    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            work = [bench.once for flow in (first, second) for bench in (flow.sender, flow.receiver)]
            worked = [each.result() for each in [pool.submit(step) for step in work]]
        assert all(worked)
        first.pass_time(minutes=5)

    assert {row["state"] for row in first.sender.status()} == {"delivered"}
    assert len(first.sender.posts()) == len(first.receiver.tasks()) == 6
    assert sorted(first.receiver.answers()) == ["20013"] * 6 + ["30001"] * 6
    assert first.sender.alerts() == first.receiver.alerts() == []
