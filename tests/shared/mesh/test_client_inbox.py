"""The client and the inbox of MESH in memory: listing, reading, acknowledging."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import MeshGone, MeshProtocolError, MeshRefused
from shared.mesh.client import MeshClient
from shared.mesh.messages import MeshReport, MessageType, OutgoingMessage
from tests.fakes import mesh_faults as faults
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import InMemoryMesh
from tests.shared.mesh.conftest import RECEIVER, SENDER

INBOX = f"/messageexchange/{RECEIVER}/inbox"


def test_the_inbox_is_listed_over_all_its_pages_each_id_once() -> None:
    mesh = InMemoryMesh(page_size=2)
    mesh.add_mailbox(RECEIVER)
    ids = [mesh.put(RECEIVER, b"x") for _ in range(5)]

    assert mesh.client(RECEIVER).list_inbox() == ids


def test_an_empty_page_of_a_filtered_inbox_is_not_the_end() -> None:
    mesh = InMemoryMesh(page_size=2)
    mesh.add_mailbox(RECEIVER)
    for _ in range(4):
        mesh.put(RECEIVER, b"x", workflow_id="OTHER")
    wanted = mesh.put(RECEIVER, b"x", workflow_id="GPFED_CONSULT_REPORT")

    assert mesh.client(RECEIVER).list_inbox("GPFED*") == [wanted]


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/messageexchange/A81001OT001/inbox/../../other",
        "/messageexchange/B82002OT001/inbox?continue_from=x",
        "/elsewhere",
    ],
)
def test_a_next_page_outside_our_inbox_is_not_followed(receiver: MeshClient, mesh: InMemoryMesh, link: str) -> None:
    page = f'{{"messages":[],"links":{{"next":"{link}"}}}}'
    mesh.fail_next("GET", "inbox", faults.answer(200, page.encode()))

    with pytest.raises(MeshProtocolError):
        receiver.list_inbox()

    assert len(mesh.requests) == 1


def test_a_next_page_on_another_host_is_asked_of_our_own(receiver: MeshClient, mesh: InMemoryMesh) -> None:
    waiting = mesh.put(RECEIVER, b"x")
    page = f'{{"messages":[],"links":{{"next":"https://elsewhere.example{INBOX}?continue_from=x"}}}}'
    mesh.fail_next("GET", "inbox", faults.answer(200, page.encode()))

    assert receiver.list_inbox() == [waiting]


def test_a_page_that_leads_back_to_itself_ends_the_list(receiver: MeshClient, mesh: InMemoryMesh) -> None:
    page = f'{{"messages":["M1"],"links":{{"next":"{INBOX}?continue_from=x"}}}}'
    mesh.fail_next("GET", "inbox", *[faults.answer(200, page.encode())] * 2)

    assert receiver.list_inbox() == ["M1"]


def test_a_message_is_seen_by_its_headers_and_then_downloaded(receiver: MeshClient, mesh: InMemoryMesh) -> None:
    body = b"<Bundle>" + bytes(range(256)) * 50
    message_id = mesh.put(RECEIVER, body, sender=SENDER, subject="Report", local_id="a1b2.1")

    headers = receiver.head(message_id)
    message = receiver.download(message_id, 1_000_000)

    assert message.headers == headers
    assert (headers.message_id, headers.message_type, headers.sender) == (message_id, MessageType.DATA, SENDER)
    assert (message.body, message.truncated) == (body, False)


@pytest.mark.parametrize("chunks", [2, 3, 7])
def test_a_message_in_chunks_is_put_together(receiver: MeshClient, mesh: InMemoryMesh, chunks: int) -> None:
    body = bytes(range(256)) * 40
    message_id = mesh.put(RECEIVER, body, chunks=chunks)

    assert receiver.download(message_id, len(body)).body == body


@pytest.mark.parametrize("chunks", [1, 3])
@pytest.mark.parametrize("limit", [0, 100, 4000, 8000, 9999])
def test_a_message_larger_than_asked_for_is_cut_and_says_so(
    receiver: MeshClient, mesh: InMemoryMesh, chunks: int, limit: int
) -> None:
    body = bytes(range(250)) * 40
    message_id = mesh.put(RECEIVER, body, chunks=chunks)

    message = receiver.download(message_id, limit)

    assert (message.body, message.truncated) == (body[:limit], True)


def test_a_message_of_exactly_the_size_asked_for_is_whole(receiver: MeshClient, mesh: InMemoryMesh) -> None:
    message_id = mesh.put(RECEIVER, b"12345", chunks=2)

    assert not receiver.download(message_id, 5).truncated


def test_a_failing_chunk_is_fetched_again(receiver: MeshClient, mesh: InMemoryMesh) -> None:
    message_id = mesh.put(RECEIVER, b"123456", chunks=3)
    mesh.fail_next("GET", "/2$", faults.timeout_before, faults.answer(503))

    assert receiver.download(message_id, 100).body == b"123456"


@pytest.mark.parametrize(
    ("status", "chunk_range"), [(206, "1:1"), (200, "1:3"), (206, "nonsense")], ids=["endless", "short", "unknown"]
)
def test_half_a_message_is_never_taken_for_a_whole_one(
    receiver: MeshClient, mesh: InMemoryMesh, status: int, chunk_range: str
) -> None:
    fault = faults.answer(status, b"half", mex_messagetype="DATA", mex_chunk_range=chunk_range)
    mesh.fail_next("GET", "inbox/M1$", fault)

    with pytest.raises(MeshProtocolError):
        receiver.download("M1", 100)


def test_a_report_of_mesh_is_downloaded_with_an_empty_body(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    sent = sender.send(report)
    message_id = mesh.report(sent, "14")

    message = sender.download(message_id, 100)

    assert message.headers.message_type is MessageType.REPORT
    assert (message.headers.linked_message_id, message.headers.status_code) == (sent, "14")
    assert (message.headers.local_id, message.headers.recipient) == (report.local_id, SENDER)
    assert (message.body, message.truncated) == (b"", False)


def test_an_acknowledged_message_is_gone_and_may_be_acknowledged_again(
    receiver: MeshClient, mesh: InMemoryMesh
) -> None:
    message_id = mesh.put(RECEIVER, b"x")

    receiver.acknowledge(message_id)
    receiver.acknowledge(message_id)

    assert receiver.list_inbox() == []
    for call in (receiver.head, lambda id_: receiver.download(id_, 10)):
        with pytest.raises(MeshGone) as gone:
            call(message_id)
        assert gone.value.http_status == 410


def test_an_unknown_message_is_gone_too(receiver: MeshClient) -> None:
    calls: list[Callable[[str], Any]] = [receiver.head, receiver.acknowledge, receiver.track]

    for call in calls:
        with pytest.raises(MeshGone) as gone:
            call("UNKNOWN")
        assert gone.value.http_status == 404


def test_an_acknowledge_whose_answer_was_lost_is_repeated(receiver: MeshClient, mesh: InMemoryMesh) -> None:
    message_id = mesh.put(RECEIVER, b"x")
    mesh.fail_next("PUT", "acknowledged", faults.timeout_after)

    receiver.acknowledge(message_id)

    assert mesh.acknowledged == [message_id, message_id]


@pytest.mark.parametrize("name", ["a/b", "../acknowledged", "a?b=c", "a#b", "a b", "\u00e9"])
def test_an_id_stays_one_segment_of_its_path(receiver: MeshClient, mesh: InMemoryMesh, name: str) -> None:
    with pytest.raises(MeshGone):
        receiver.head(name)

    ((_, path),) = mesh.requests
    assert path.startswith(f"{INBOX}/")
    assert path.count("/") == 4
    assert "?" not in path


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_that_would_lead_elsewhere_is_refused(receiver: MeshClient, mesh: InMemoryMesh, name: str) -> None:
    with pytest.raises(MeshRefused):
        receiver.download(name, 10)

    assert mesh.requests == []


def test_a_large_message_lies_in_a_file_without_a_name_until_it_is_closed(
    receiver: MeshClient, mesh: InMemoryMesh, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 8000
    message_id = mesh.put(RECEIVER, body, chunks=2)
    client = MeshClient(mesh.account(RECEIVER), mesh.clock, mesh.transport, directory=tmp_path)

    with client, client.download(message_id, 5_000_000) as message:
        names = list(tmp_path.iterdir())
        beginning, whole = message.open().read(10), message.body

    assert names == []
    assert (beginning, whole, message.size) == (body[:10], body, len(body))
    assert "9690937278" not in repr(message)
    with pytest.raises(ValueError, match="closed file"):
        message.open()


def test_a_report_of_mesh_is_a_value_of_its_own(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    assert isinstance(mesh.clock, MovableClock)
    sent = sender.send(report)
    uncollected, unrouted = mesh.report(sent, "14"), mesh.report(sent, "EPL-152", "Invalid NHS Number")

    first, second = sender.head(uncollected).report, sender.download(unrouted, 10).report

    assert first is not None
    assert second is not None
    assert (first.is_uncollected, first.is_routing_failure) == (True, False)
    assert (second.is_uncollected, second.is_routing_failure) == (False, True)
    assert second == MeshReport(
        message_id=unrouted, code="EPL-152", event="SEND", description="Invalid NHS Number", linked_message_id=sent,
        local_id=report.local_id, workflow_id=report.workflow_id, status_at=mesh.clock(),
    )  # fmt: skip


def test_a_message_of_a_mailbox_is_no_report(receiver: MeshClient, mesh: InMemoryMesh) -> None:
    assert receiver.head(mesh.put(RECEIVER, b"x")).report is None


@pytest.mark.parametrize(
    "wrong", [{"mex_chunk_range": "1:2"}, {"mex_chunk_range": "2:3"}, {"mex_messageid": "M2", "mex_chunk_range": "2:2"}]
)
def test_a_chunk_of_something_else_is_not_joined(
    receiver: MeshClient, mesh: InMemoryMesh, wrong: dict[str, str]
) -> None:
    message_id = mesh.put(RECEIVER, b"123456", chunks=2)
    mesh.fail_next("GET", "/2$", faults.answer(200, b"456", **wrong))

    with pytest.raises(MeshProtocolError):
        receiver.download(message_id, 100)
