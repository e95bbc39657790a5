"""A practice that runs both daemons on one mailbox: each takes what is its own (decision 31)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from shared.itk3.build import build_report
from tests.federated_sender.bench import ALDER, BIRCH, WORKFLOW, consultation
from tests.flow.bench import Flow
from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench, report, subject_of

OF_BIRCH = "BIRCHMB1"
SHARED = "ALDERMB1"


@dataclass
class Shared:
    """Alder's sender and Alder's receiver on one mailbox; Birch's receiver on the other."""

    flow: Flow
    receiver: ReceiverBench

    def deliver_a_report_of_birch(self) -> None:
        """Lay a report of Birch about Alder's patient into the shared mailbox."""
        message = replace(report(), sender=BIRCH, recipient=ALDER, sender_mailbox=OF_BIRCH)
        body = build_report(message)
        self.flow.mesh.put(SHARED, body, sender=OF_BIRCH, subject=subject_of(body))

    def exchange(self, *, receiver_first: bool) -> None:
        benches = [self.flow.sender, self.receiver]
        for _ in range(3):
            for each in reversed(benches) if receiver_first else benches:
                assert each.once()
            self.flow.receiver.once()


@pytest.fixture
def shared(flow: Flow, make_receiver: Callable[[str], ReceiverBench]) -> Iterator[Shared]:
    receiver = make_receiver("A81001")
    receiver.know(INDEXED_SMITH)
    return Shared(flow, receiver)


@pytest.mark.parametrize("receiver_first", [False, True], ids=["sender looks first", "receiver looks first"])
def test_each_daemon_of_a_shared_mailbox_takes_its_own_and_leaves_the_rest(
    shared: Shared, receiver_first: bool
) -> None:
    shared.flow.sender.enqueue(consultation())
    shared.flow.pass_time(hours=4)
    shared.deliver_a_report_of_birch()

    shared.exchange(receiver_first=receiver_first)

    assert shared.flow.state() == ("delivered", "20013", "30001")
    assert [task["state"] for task in shared.receiver.tasks()] == ["open"]
    assert shared.flow.mesh.inbox(SHARED) == []
    answers = [message for message in shared.flow.mesh.inbox(OF_BIRCH) if message.sender == SHARED]
    assert [answer.workflow_id for answer in answers] == [f"{WORKFLOW}_ACK"] * 2


@pytest.mark.parametrize("receiver_first", [False, True], ids=["sender looks first", "receiver looks first"])
def test_a_mesh_report_goes_to_the_daemon_whose_message_it_is_about(shared: Shared, receiver_first: bool) -> None:
    content = consultation()
    content["patient"]["family"] = "Jones"
    shared.flow.sender.enqueue(content)
    shared.flow.pass_time(hours=4)
    shared.deliver_a_report_of_birch()
    shared.receiver.once()
    (answer, _) = [post for post in shared.flow.mesh.posts if post.sender == SHARED]
    shared.flow.mesh.report(answer.message_id)

    shared.exchange(receiver_first=receiver_first)

    assert shared.flow.sender.only()["reason"] == "EPL-154"
    assert [alert["kind"] for alert in shared.flow.sender.alerts()] == ["undeliverable"]
    assert len(shared.receiver.alerts()) == 1
    assert shared.flow.mesh.inbox(SHARED) == []


def test_what_is_neither_daemons_stays_in_the_mailbox_untouched(shared: Shared) -> None:
    foreign = shared.flow.mesh.put(SHARED, b"a blood count", sender="LABMB1", workflow_id="PATHOLOGY")

    shared.exchange(receiver_first=False)

    assert [message.message_id for message in shared.flow.mesh.inbox(SHARED)] == [foreign]
    assert shared.flow.mesh.acknowledged == []
    assert [row["state"] for row in shared.receiver.messages()] == ["ignored"]
