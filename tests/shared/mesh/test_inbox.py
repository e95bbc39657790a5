"""Collecting: kept first, acknowledged afterwards, nobody else's touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.errors import (
    Fault,
    InvalidMessage,
    MeshForbidden,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MessagingError,
)
from shared.mesh.inbox import Collector
from shared.mesh.messages import IncomingMessage, MessageHeaders
from shared.mesh.ownership import Role, owns
from tests.fakes import mesh_faults as faults
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import InMemoryMesh
from tests.shared.mesh.conftest import RECEIVER


class Practice:
    """A receiver's own record: what it kept and what it was told it left."""

    def __init__(self, mesh: InMemoryMesh, max_bytes: int = 1000) -> None:
        self.mesh = mesh
        self.kept: list[str] = []
        self.bodies: list[bytes] = []
        self.truncated: list[str] = []
        self.left: list[str] = []
        self.fault: Exception | None = None
        self.on_keep: Callable[[], object] = lambda: None
        self.collector = Collector(
            mesh.client(RECEIVER),
            owns=self._owns,
            keep=self._keep,
            left=self._leave,
            max_bytes=max_bytes,
            workflows=("GPFED_CONSULT_REPORT",),
        )

    def _owns(self, headers: MessageHeaders) -> bool:
        return owns(Role.RECEIVER, headers, ("GPFED_CONSULT_REPORT",), links_to_ours=False)

    def _keep(self, message: IncomingMessage) -> None:
        assert message.headers.message_id not in self.mesh.acknowledged
        if self.fault:
            fault, self.fault = self.fault, None
            raise fault
        self.on_keep()
        self.kept.append(message.headers.message_id)
        self.bodies.append(message.body)
        if message.truncated:
            self.truncated.append(message.headers.message_id)

    def _leave(self, headers: MessageHeaders) -> None:
        self.left.append(headers.message_id)


@pytest.fixture
def practice(mesh: InMemoryMesh) -> Practice:
    return Practice(mesh)


def test_what_is_ours_is_kept_and_only_then_acknowledged(practice: Practice, mesh: InMemoryMesh) -> None:
    ids = [mesh.put(RECEIVER, b"one"), mesh.put(RECEIVER, b"two", chunks=2)]

    collected = practice.collector.collect()

    assert practice.bodies == [b"one", b"two"]
    assert mesh.acknowledged == ids
    assert (collected.kept, collected.left, collected.gone, collected.failures) == (2, 0, 0, [])


def test_what_is_not_ours_stays_unacknowledged_and_is_told_once(practice: Practice, mesh: InMemoryMesh) -> None:
    foreign = mesh.put(RECEIVER, b"x", workflow_id="PATHOLOGY")

    rounds = [practice.collector.collect() for _ in range(3)]

    assert [collected.left for collected in rounds] == [1, 0, 0]
    assert [collected.foreign for collected in rounds] == [[foreign], [], []]
    assert practice.left == [foreign]
    assert [each.message_id for each in mesh.inbox(RECEIVER)] == [foreign]
    assert [method for method, path in mesh.requests if foreign in path] == ["GET"]


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_strangers_message_that_mesh_cannot_give_out_is_no_concern_of_ours(
    practice: Practice, mesh: InMemoryMesh, status: int
) -> None:
    foreign = mesh.put(RECEIVER, b"x", workflow_id="PATHOLOGY")
    ours = mesh.put(RECEIVER, b"ours")
    mesh.fail_next("GET", f"{foreign}$", *[faults.answer(status)] * 4)

    collected = practice.collector.collect()

    assert (collected.failures, collected.foreign, practice.left) == ([], [foreign], [foreign])
    assert practice.kept == [ours]


def test_a_foreign_message_that_came_back_is_looked_at_again(practice: Practice, mesh: InMemoryMesh) -> None:
    foreign = mesh.put(RECEIVER, b"x", workflow_id="PATHOLOGY")
    practice.collector.collect()
    mesh.messages[foreign].status = "acknowledged"
    practice.collector.collect()
    mesh.messages[foreign].status = "accepted"

    practice.collector.collect()

    assert practice.left == [foreign, foreign]


def test_a_crash_before_the_acknowledge_brings_the_same_message_again(practice: Practice, mesh: InMemoryMesh) -> None:
    message_id = mesh.put(RECEIVER, b"x")
    mesh.fail_next("PUT", "acknowledged", *[faults.connection_refused] * 4)
    with pytest.raises(MeshUnavailable):
        practice.collector.collect()

    practice.collector.collect()

    assert practice.kept == [message_id, message_id]
    assert mesh.acknowledged == [message_id]


def test_what_could_not_be_committed_is_not_acknowledged(practice: Practice, mesh: InMemoryMesh) -> None:
    mesh.put(RECEIVER, b"x")
    practice.fault = OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        practice.collector.collect()

    assert mesh.acknowledged == []
    assert practice.collector.collect().kept == 1


@pytest.mark.parametrize("status", [404, 410])
def test_a_message_that_is_gone_meanwhile_is_passed_over(practice: Practice, mesh: InMemoryMesh, status: int) -> None:
    gone = mesh.put(RECEIVER, b"gone")
    mesh.put(RECEIVER, b"there")
    mesh.fail_next("GET", gone, faults.answer(status))

    collected = practice.collector.collect()

    assert practice.bodies == [b"there"]
    assert (collected.kept, collected.gone, collected.failures) == (1, 1, [])


@pytest.mark.parametrize(
    ("method", "fault", "error"),
    [
        ("GET", faults.answer(200), MeshProtocolError),
        ("GET", faults.answer(400), MeshRefused),
        (
            "GET",
            faults.answer(206, b"x", mex_messagetype="DATA", mex_workflowid="GPFED_CONSULT_REPORT"),
            MeshProtocolError,
        ),
        ("GET", faults.answer(406), MeshRefused),
        ("PUT", faults.answer(400), MeshRefused),
    ],
)
def test_a_bad_message_never_blocks_the_next_and_is_told(
    practice: Practice, mesh: InMemoryMesh, method: str, fault: faults.Fault, error: type[MessagingError]
) -> None:
    bad = mesh.put(RECEIVER, b"bad")
    mesh.put(RECEIVER, b"good")
    mesh.fail_next(method, bad, fault)

    collected = practice.collector.collect()

    assert practice.bodies[-1] == b"good"
    ((message_id, failure),) = collected.failures
    assert message_id == bad
    assert type(failure) is error
    assert bad not in mesh.acknowledged


def test_a_message_that_cannot_be_kept_as_it_is_never_blocks_the_next(practice: Practice, mesh: InMemoryMesh) -> None:
    bad = mesh.put(RECEIVER, b"bad")
    mesh.put(RECEIVER, b"good")
    practice.fault = InvalidMessage(Fault("body", "cannot be stored"))

    collected = practice.collector.collect()

    assert practice.bodies == [b"good"]
    assert [message_id for message_id, _ in collected.failures] == [bad]
    assert bad not in mesh.acknowledged


def test_a_mesh_that_goes_away_ends_the_round_and_what_was_kept_stays(practice: Practice, mesh: InMemoryMesh) -> None:
    first = mesh.put(RECEIVER, b"one")
    second = mesh.put(RECEIVER, b"two")
    mesh.fail_next("GET", second, *[faults.connection_refused] * 4)

    with pytest.raises(MeshUnavailable):
        practice.collector.collect()

    assert practice.bodies == [b"one"]
    assert mesh.acknowledged == [first]


@pytest.mark.parametrize(("method", "path", "times"), [("GET", "inbox.max", 2), ("GET", "inbox/", 6)])
def test_a_mailbox_that_is_not_let_in_ends_the_round(
    practice: Practice, mesh: InMemoryMesh, method: str, path: str, times: int
) -> None:
    for _ in range(5):
        mesh.put(RECEIVER, b"x")
    mesh.fail_next(method, path, *[faults.answer(403)] * times)

    with pytest.raises(MeshForbidden):
        practice.collector.collect()

    assert practice.kept == []


STUMBLES = {
    "403": faults.answer(403),
    "500": faults.answer(500),
    "504": faults.answer(504),
    "429": faults.answer(429),
    "reset": faults.reset_before,
    "timeout": faults.timeout_before,
}


@pytest.mark.parametrize("fault", STUMBLES.values(), ids=STUMBLES.keys())
def test_a_message_that_mesh_stumbles_over_does_not_hold_back_the_rest(
    practice: Practice, mesh: InMemoryMesh, fault: faults.Fault
) -> None:
    bad = mesh.put(RECEIVER, b"bad")
    mesh.put(RECEIVER, b"good")
    mesh.fail_next("GET", bad, *[fault] * 4)

    collected = practice.collector.collect()

    assert practice.bodies == [b"good"]
    assert [message_id for message_id, _ in collected.failures] == [bad]


def test_what_mesh_stumbled_over_comes_last_in_the_next_round(practice: Practice, mesh: InMemoryMesh) -> None:
    bad = mesh.put(RECEIVER, b"bad")
    mesh.fail_next("GET", bad, *[faults.answer(504)] * 4)
    practice.collector.collect()
    mesh.put(RECEIVER, b"one")
    mesh.put(RECEIVER, b"two")

    practice.collector.collect()

    assert practice.bodies == [b"one", b"two", b"bad"]


def test_several_messages_that_mesh_always_stumbles_over_hold_nothing_up_and_are_told_of_in_turn(
    practice: Practice, mesh: InMemoryMesh
) -> None:
    bad = [mesh.put(RECEIVER, b"bad") for _ in range(4)]
    mesh.fail_next("GET", "|".join(bad), *[faults.answer(504)] * 100)
    with pytest.raises(MeshUnavailable):
        practice.collector.collect()
    mesh.put(RECEIVER, b"good")

    rounds = [practice.collector.collect() for _ in range(3)]

    assert practice.bodies == [b"good"]
    assert [len(collected.failures) for collected in rounds] == [4, 3, 3]
    assert {message_id for collected in rounds[1:] for message_id, _ in collected.failures} == set(bad)


def test_a_message_that_was_had_at_last_is_one_like_any_other(practice: Practice, mesh: InMemoryMesh) -> None:
    first = mesh.put(RECEIVER, b"first")
    mesh.fail_next("GET", first, *[faults.answer(504)] * 4)
    practice.collector.collect()
    practice.collector.collect()
    mesh.acknowledged.clear()
    mesh.messages[first].status = "accepted"
    mesh.put(RECEIVER, b"second")

    practice.collector.collect()

    assert practice.bodies == [b"first", b"first", b"second"]


def test_a_round_may_be_ended_between_two_messages(practice: Practice, mesh: InMemoryMesh) -> None:
    for number in range(5):
        mesh.put(RECEIVER, b"%d" % number)

    stopped = practice.collector.collect(lambda: len(practice.kept) == 2)
    rest = practice.collector.collect()

    assert (stopped.kept, rest.kept) == (2, 3)
    assert practice.bodies == [b"0", b"1", b"2", b"3", b"4"]


def test_a_mesh_that_stumbles_over_everything_ends_the_round(practice: Practice, mesh: InMemoryMesh) -> None:
    for _ in range(9):
        mesh.put(RECEIVER, b"x")
    mesh.fail_next("GET", "inbox/", *[faults.answer(500)] * 36)

    with pytest.raises(MeshUnavailable):
        practice.collector.collect()

    asked = [method for method, path in mesh.requests if "/inbox/" in path]
    assert (asked.count("GET"), asked.count("HEAD")) == (12, 3)


def test_a_message_that_is_too_large_is_kept_in_part_and_acknowledged(mesh: InMemoryMesh) -> None:
    practice = Practice(mesh, max_bytes=10)
    message_id = mesh.put(RECEIVER, b"x" * 50)

    practice.collector.collect()

    assert (practice.bodies, practice.truncated) == ([b"x" * 10], [message_id])
    assert mesh.acknowledged == [message_id]


def test_a_handshake_is_made_at_the_start_and_daily_although_nothing_is_sent(
    practice: Practice, mesh: InMemoryMesh
) -> None:
    assert isinstance(mesh.clock, MovableClock)

    for _ in range(49):
        practice.collector.collect()
        mesh.clock.move(timedelta(hours=1))

    assert mesh.requests.count(("POST", f"/messageexchange/{RECEIVER}")) == 3
    assert mesh.requests[0] == ("POST", f"/messageexchange/{RECEIVER}")


def test_what_came_while_a_full_page_was_collected_is_collected_at_once(mesh: InMemoryMesh) -> None:
    practice = Practice(mesh)
    for _ in range(500):
        mesh.put(RECEIVER, b"x")
    late = [lambda: mesh.put(RECEIVER, b"late")]
    practice.on_keep = lambda: late.pop()() if late else None

    collected = practice.collector.collect()

    assert (collected.kept, practice.bodies[-1]) == (501, b"late")


def test_a_full_page_of_which_nothing_can_be_acknowledged_is_left_to_the_next_round(mesh: InMemoryMesh) -> None:
    practice = Practice(mesh)
    for _ in range(500):
        mesh.put(RECEIVER, b"x", workflow_id="PATHOLOGY")

    practice.collector.collect()

    assert sum("max_results" in path and "filter" not in path for _, path in mesh.requests) == 1


def test_a_mailbox_full_of_strangers_messages_hides_none_of_ours_and_is_told_of_bit_by_bit(mesh: InMemoryMesh) -> None:
    practice = Practice(mesh)
    strangers = [mesh.put(RECEIVER, b"x", workflow_id="PATHOLOGY") for _ in range(450)]
    mesh.put(RECEIVER, b"ours")

    rounds = [practice.collector.collect() for _ in range(4)]

    assert [collected.left for collected in rounds] == [200, 200, 50, 0]
    assert rounds[0].kept == 1
    assert practice.left == strangers


def test_a_message_that_mesh_lists_and_never_gives_out_is_told_of_once_and_then_seldom_asked_for(
    practice: Practice, mesh: InMemoryMesh
) -> None:
    gone = mesh.put(RECEIVER, b"x")
    mesh.fail_next("GET", gone, *[faults.answer(404)] * 1000)

    rounds = [practice.collector.collect() for _ in range(110)]

    assert [number for number, collected in enumerate(rounds, 1) if collected.failures] == [3]
    assert rounds[2].failures[0][0] == gone
    assert sum(gone in path for _, path in mesh.requests) == 4


def test_a_message_that_is_to_be_had_after_all_is_kept(practice: Practice, mesh: InMemoryMesh) -> None:
    message_id = mesh.put(RECEIVER, b"late")
    mesh.fail_next("GET", f"{message_id}$", faults.answer(410), faults.answer(410))

    rounds = [practice.collector.collect() for _ in range(3)]

    assert [collected.gone for collected in rounds] == [1, 1, 0]
    assert practice.bodies == [b"late"]
