"""The public witness cases of NHS England's assurance of MESH clients, one test each.

Where the sandbox is more lenient than the real service, the in-memory MESH answers, over a socket.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import httpx
import pytest

from shared.errors import MeshForbidden, MeshGone, MeshRefused
from shared.mesh.client import MeshClient
from shared.mesh.inbox import Collector
from shared.mesh.messages import IncomingMessage, OutgoingMessage
from tests.fakes.fault_server import FaultServer
from tests.fakes.mesh import InMemoryMesh
from tests.sandbox.conftest import PUBLISHED, RECEIVER, SENDER, PublishedMesh

pytestmark = pytest.mark.sandbox
OURS, THEIRS, _ = PUBLISHED
WORKFLOW = "TEST_WORKFLOW"
CHUNK = 10_000
VOLUME = 40


@pytest.fixture
def ours(published: PublishedMesh) -> Iterator[MeshClient]:
    with published.client(OURS) as client:
        yield client


@pytest.fixture
def theirs(published: PublishedMesh) -> Iterator[MeshClient]:
    with published.client(THEIRS) as client:
        yield client


@pytest.fixture
def message() -> OutgoingMessage:
    return OutgoingMessage(THEIRS, WORKFLOW, "a1b2.1", "A subject", b"<Bundle/>" * 1000)


@pytest.fixture
def strict() -> Iterator[FaultServer]:
    mesh = InMemoryMesh()
    mesh.add_mailbox(SENDER, ods_code="B82002")
    mesh.add_mailbox(RECEIVER, ods_code="A81001")
    mesh.register("9690937278", date(1957, 1, 9), "Smith", RECEIVER)
    with FaultServer(mesh) as server:
        yield server


def test_witness_201_a_message_is_sent(ours: MeshClient, theirs: MeshClient, message: OutgoingMessage) -> None:
    message_id = ours.send(message)

    assert theirs.list_inbox() == [message_id]
    assert ours.track(message_id).status == "accepted"


def test_witness_202_a_message_is_collected_and_acknowledged(
    ours: MeshClient, theirs: MeshClient, message: OutgoingMessage
) -> None:
    message_id = ours.send(message)

    received = theirs.download(message_id, 1_000_000)
    theirs.acknowledge(message_id)

    assert received.body == message.body
    assert theirs.list_inbox() == []
    assert ours.track(message_id).status == "acknowledged"


def test_witness_401_a_message_is_sent_and_received_uncompressed(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage
) -> None:
    sent: list[httpx.Request] = []

    class Watching(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            request.read()
            sent.append(request)
            return super().handle_request(request)

    with published.client(OURS, transport=Watching(verify=published.context()), compress=False) as client:
        message_id = client.send(message)

    (post,) = [each for each in sent if each.url.path.endswith("/outbox")]
    assert "content-encoding" not in post.headers
    assert post.content == message.body
    assert theirs.download(message_id, 1_000_000).body == message.body


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "compressed"])
def test_witness_501_a_message_in_chunks_is_received(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, compress: bool
) -> None:
    body = os.urandom(4 * CHUNK + 7)
    with published.client(OURS, chunk_size=CHUNK, compress=compress) as ours:
        message_id = ours.send(replace(message, body=body))

    with theirs.download(message_id, 1_000_000) as received:
        assert (received.headers.total_chunks, received.truncated, received.size) == (5, False, len(body))
        assert received.open().read() == received.body == body
    theirs.acknowledge(message_id)
    assert theirs.list_inbox() == []


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "compressed"])
def test_witness_502_a_message_is_sent_in_chunks(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, compress: bool
) -> None:
    with published.client(OURS, chunk_size=CHUNK, compress=compress) as ours:
        message_id = ours.send(replace(message, body=b"x" * (2 * CHUNK + 1)))

        assert ours.track(message_id).status == "accepted"
    assert theirs.list_inbox() == [message_id]
    assert theirs.head(message_id).total_chunks == 3


def test_witness_601_a_volume_of_messages_is_sent_and_received(
    ours: MeshClient, theirs: MeshClient, message: OutgoingMessage
) -> None:
    bodies = {f"a1b2.{number}": os.urandom(1000 + number) for number in range(VOLUME)}
    kept: dict[str | None, bytes] = {}

    def keep(received: IncomingMessage) -> None:
        kept[received.headers.local_id] = received.body

    for local_id, body in bodies.items():
        ours.send(replace(message, local_id=local_id, body=body))
    collector = Collector(
        theirs, owns=lambda _: True, keep=keep, left=lambda _: None, max_bytes=100_000, workflows=(WORKFLOW,)
    )
    collected = collector.collect()

    assert (collected.kept, collected.failures) == (VOLUME, [])
    assert kept == bodies
    assert theirs.list_inbox() == []


def test_witness_701_a_mailbox_that_is_disabled_is_not_let_in(
    published: PublishedMesh, message: OutgoingMessage
) -> None:
    with published.client("X26ABC9") as disabled:
        for call in (disabled.handshake, disabled.list_inbox, lambda: disabled.send(message)):
            with pytest.raises(MeshForbidden) as forbidden:
                call()
            assert forbidden.value.http_status == 403
            # It is our own mailbox that MESH does not know, not the recipient's.
            assert forbidden.value.code == "EPL-151"


def test_witness_702_an_invalid_recipient_is_refused_at_once_and_reported(
    strict: FaultServer, message: OutgoingMessage
) -> None:
    with strict.client(SENDER) as client:
        with pytest.raises(MeshRefused) as refused:
            client.send(replace(message, to="UNREGISTERED"))
        (report_id,) = client.list_inbox()
        report = client.download(report_id, 1000).report
        client.acknowledge(report_id)

        assert (refused.value.http_status, refused.value.event, refused.value.code) == (417, "SEND", "12")
        assert not isinstance(refused.value, MeshForbidden)
        assert report is not None
        assert refused.value.message_id
        assert report.linked_message_id == refused.value.message_id
        assert client.list_inbox() == []


def test_witness_703_a_message_that_was_not_collected_is_reported(
    published: PublishedMesh, ours: MeshClient, theirs: MeshClient, message: OutgoingMessage
) -> None:
    message_id = ours.send(message)
    event = {"status": "undeliverable", "code": "14", "event": "SEND", "description": "Not collected"}
    published.admin("POST", f"/admin/message/{message_id}/event", event)
    published.report_about(message_id, "undeliverable", "14", "Not collected")

    (report_id,) = ours.list_inbox()
    report = ours.head(report_id).report
    ours.acknowledge(report_id)

    assert ours.list_inbox() == theirs.list_inbox() == []
    assert report is not None
    assert (report.code, report.linked_message_id, report.local_id) == ("14", message_id, message.local_id)
    assert ours.track(message_id).status == "undeliverable"


def test_witness_704_a_message_that_does_not_exist_is_gone(theirs: MeshClient) -> None:
    with pytest.raises(MeshGone) as gone:
        theirs.download("20210311101813838554_1B8F53", 1000)

    assert (gone.value.http_status, gone.value.event, gone.value.code) == (404, "RECEIVE", "20")


def test_witness_705_a_message_that_was_downloaded_and_acknowledged_is_gone(strict: FaultServer) -> None:
    message_id = strict.mesh.put(RECEIVER, b"<Bundle/>", sender=SENDER)

    with strict.client(RECEIVER) as client:
        client.download(message_id, 1000)
        client.acknowledge(message_id)

        assert client.list_inbox() == []
        for call in (client.head, lambda each: client.download(each, 1000)):
            with pytest.raises(MeshGone) as gone:
                call(message_id)
            assert gone.value.http_status == 410
