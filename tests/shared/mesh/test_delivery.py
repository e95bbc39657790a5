"""Neither lost nor needlessly sent twice."""

from __future__ import annotations

import pytest

from shared.errors import MeshAmbiguous, MeshForbidden, MeshUnavailable
from shared.mesh.client import MeshClient
from shared.mesh.delivery import Delivery, TooLate, deliver
from shared.mesh.messages import OutgoingMessage
from tests.fakes import mesh_faults as faults
from tests.fakes.mesh import InMemoryMesh


def test_a_first_attempt_posts_without_looking(sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage) -> None:
    delivery = deliver(sender, report, look_first=False)

    assert delivery == Delivery(mesh.posts[0].message_id, adopted=False)
    assert not any("tracking" in path for _, path in mesh.requests)


def test_an_ambiguous_send_is_not_posted_again_at_once(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "outbox", faults.timeout_before)

    with pytest.raises(MeshAmbiguous):
        deliver(sender, report, look_first=False)

    assert mesh.posts == []


def test_an_ambiguous_send_that_was_taken_is_adopted(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "outbox", faults.timeout_after)
    with pytest.raises(MeshAmbiguous):
        deliver(sender, report, look_first=False)

    delivery = deliver(sender, report, look_first=True)

    assert delivery == Delivery(mesh.posts[0].message_id, adopted=True)
    assert len(mesh.posts) == 1


def test_an_ambiguous_send_that_was_not_taken_is_posted_again(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "outbox", faults.timeout_before)
    with pytest.raises(MeshAmbiguous):
        deliver(sender, report, look_first=False)

    delivery = deliver(sender, report, look_first=True)

    assert delivery == Delivery(mesh.posts[0].message_id, adopted=False)


def test_nothing_is_posted_when_another_process_may_bring_it_by_now(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    with pytest.raises(TooLate):
        deliver(sender, report, look_first=False, in_time=lambda: False)

    assert mesh.posts == []


def test_an_upload_that_cannot_be_continued_is_not_begun_anew_when_another_process_may_bring_it(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    mesh.messages[sender.send(report)].status = "uploading"

    with pytest.raises(TooLate):
        deliver(sender, report, look_first=True, in_time=lambda: False)

    assert len(mesh.posts) == 1


def test_a_message_taken_several_times_is_adopted_without_an_id(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    sender.send(report)
    sender.send(report)

    assert deliver(sender, report, look_first=True) == Delivery(None, adopted=True)
    assert len(mesh.posts) == 2


def test_a_refused_look_up_refuses_no_message_and_nothing_is_posted(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    mesh.fail_next("GET", "tracking", faults.answer(400))

    with pytest.raises(MeshForbidden):
        deliver(sender, report, look_first=True)

    assert mesh.posts == []


def test_nothing_is_posted_when_the_look_up_gets_no_answer(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    mesh.fail_next("GET", "tracking", *[faults.answer(503)] * 4)

    with pytest.raises(MeshUnavailable):
        deliver(sender, report, look_first=True)

    assert mesh.posts == []


def test_a_small_message_that_mesh_never_finished_taking_is_posted_again(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    unfinished = mesh.messages[sender.send(report)]
    unfinished.status = "uploading"

    delivery = deliver(sender, report, look_first=True)

    assert delivery == Delivery(mesh.posts[1].message_id, adopted=False)
    assert len(mesh.posts) == 2
