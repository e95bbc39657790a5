"""Messages that go in chunks, against MESH in memory."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import httpx
import pytest

from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshGone,
    MeshRefused,
    MeshUnavailable,
    MeshUploadInterrupted,
)
from shared.mesh.client import MeshClient
from shared.mesh.delivery import Delivery, deliver
from shared.mesh.messages import OutgoingMessage, Taken
from tests.fakes import mesh_faults as faults
from tests.fakes.mesh import InMemoryMesh
from tests.shared.mesh.conftest import RECEIVER, SENDER

BODY = b"".join(b"<line number='%d'/>" % number for number in range(500))
CHUNK = 4000
ALWAYS = 4


@pytest.fixture
def large(report: OutgoingMessage) -> OutgoingMessage:
    return replace(report, to=RECEIVER, body=BODY)


def opened(mesh: InMemoryMesh, **more: object) -> MeshClient:
    return MeshClient(
        mesh.account(SENDER),
        mesh.clock,
        mesh.transport,
        mesh._pause,
        **{"chunk_size": CHUNK, **more},  # type: ignore[arg-type]
    )


@pytest.fixture
def chunking(mesh: InMemoryMesh) -> Iterator[MeshClient]:
    with opened(mesh) as client:
        yield client


def bodies(mesh: InMemoryMesh) -> list[bytes]:
    return [each.body for each in mesh.inbox(RECEIVER)]


def posted(mesh: InMemoryMesh) -> list[str]:
    return [path.partition("/outbox")[2] for method, path in mesh.requests if method == "POST" and "/outbox" in path]


@pytest.mark.parametrize("compress", [None, True, False])
def test_a_large_message_goes_in_chunks_and_arrives_as_it_was(
    mesh: InMemoryMesh, large: OutgoingMessage, compress: bool | None
) -> None:
    with opened(mesh, compress=compress) as client:
        message_id = client.send(large)

    assert bodies(mesh) == [BODY]
    assert posted(mesh) == ["", f"/{message_id}/2", f"/{message_id}/3"]
    (message,) = mesh.posts
    assert (message.content_type, message.encoding) == ("application/fhir+xml", "" if compress is False else "gzip")


@pytest.mark.parametrize("compress", [True, None])
def test_a_small_message_goes_in_one_piece_and_zipped_only_when_asked_for(
    mesh: InMemoryMesh, report: OutgoingMessage, compress: bool | None
) -> None:
    with opened(mesh, compress=compress) as client:
        client.send(replace(report, to=RECEIVER))

    (message,) = mesh.posts
    assert (message.body, message.chunks, message.encoding) == (report.body, 1, "gzip" if compress else "")
    assert message.content_type == "application/fhir+xml"


def test_each_chunk_is_zipped_on_its_own(mesh: InMemoryMesh, large: OutgoingMessage) -> None:
    sent: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return mesh.transport.handle_request(request)

    with MeshClient(mesh.account(SENDER), mesh.clock, httpx.MockTransport(record), chunk_size=CHUNK) as client:
        client.send(large)

    pieces = [gzip.decompress(request.content) for request in sent if "/outbox" in request.url.path]
    assert pieces == [BODY[:4000], BODY[4000:8000], BODY[8000:]]
    assert {request.headers["content-type"] for request in sent[1:]} == {"application/octet-stream"}


def test_a_message_may_lie_in_a_file(chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage) -> None:
    with TemporaryFile() as file:
        file.write(BODY)
        message = replace(large, body=file)

        assert chunking.number_of_chunks(message) == 3
        chunking.send(message)

    assert bodies(mesh) == [BODY]


@pytest.mark.parametrize(
    "fault", [faults.timeout_before, faults.timeout_after, faults.answer(503), faults.answer_after(500)]
)
@pytest.mark.parametrize("number", [2, 3])
def test_a_later_chunk_is_repeated_by_itself(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage, fault: faults.Fault, number: int
) -> None:
    mesh.fail_next("POST", f"/{number}$", fault, fault)

    message_id = chunking.send(large)

    assert bodies(mesh) == [BODY]
    assert posted(mesh).count(f"/{message_id}/{number}") == 3


def test_the_first_chunk_is_never_repeated(chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage) -> None:
    mesh.fail_next("POST", "/outbox$", faults.timeout_after)

    with pytest.raises(MeshAmbiguous):
        chunking.send(large)

    assert posted(mesh) == [""]
    assert chunking.track_local_id(large.local_id).taken is Taken.UNFINISHED


def test_an_upload_that_broke_off_is_seen_by_nobody_and_continued_under_its_id(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "/2$", *[faults.timeout_before] * ALWAYS)
    with pytest.raises(MeshUploadInterrupted) as interrupted:
        chunking.send(large)
    seen = bodies(mesh)

    delivery = deliver(chunking, large, look_first=True)

    assert seen == []
    assert delivery == Delivery(interrupted.value.message_id, adopted=True)
    assert bodies(mesh) == [BODY]
    assert posted(mesh).count("") == 1


def test_an_upload_that_broke_off_may_be_begun_anew(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "/3$", *[faults.answer(503)] * ALWAYS)
    with pytest.raises(MeshUploadInterrupted):
        chunking.send(large)

    chunking.send(large)

    assert bodies(mesh) == [BODY]


def test_a_last_chunk_that_mesh_took_without_saying_so_is_found_by_tracking(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "/3$", faults.timeout_after, *[faults.timeout_before] * (ALWAYS - 1))

    message_id = chunking.send(large)

    assert [each.message_id for each in mesh.inbox(RECEIVER)] == [message_id]


def test_a_last_chunk_of_which_nothing_is_heard_leaves_it_open_until_it_is_looked_up(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "/3$", faults.timeout_after, *[faults.timeout_before] * (ALWAYS - 1))
    mesh.fail_next("GET", "tracking", *[faults.connection_refused] * ALWAYS)
    with pytest.raises(MeshAmbiguous):
        chunking.send(large)

    delivery = deliver(chunking, large, look_first=True)

    assert delivery == Delivery(mesh.posts[0].message_id, adopted=True)
    assert bodies(mesh) == [BODY]


def test_whoever_continues_what_another_finished_meanwhile_finds_it_done(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage
) -> None:
    message_id = chunking.send(large)

    assert chunking.resume(large, message_id) == message_id
    assert bodies(mesh) == [BODY]


def test_an_upload_of_other_chunks_is_not_continued_but_begun_anew(mesh: InMemoryMesh, large: OutgoingMessage) -> None:
    mesh.fail_next("POST", "/2$", *[faults.timeout_before] * ALWAYS)
    with opened(mesh, chunk_size=5000) as before, pytest.raises(MeshUploadInterrupted):
        before.send(large)

    with opened(mesh, chunk_size=4000) as after:
        delivery = deliver(after, large, look_first=True)

    assert not delivery.adopted
    assert bodies(mesh) == [BODY]


def test_an_upload_that_mesh_forgot_is_begun_anew(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "/2$", *[faults.timeout_before] * ALWAYS, faults.answer(404))
    with pytest.raises(MeshUploadInterrupted):
        chunking.send(large)

    delivery = deliver(chunking, large, look_first=True)

    assert not delivery.adopted
    assert bodies(mesh) == [BODY]


def test_unfinished_uploads_alone_are_never_taken_for_a_message_that_mesh_has(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage
) -> None:
    for _ in range(2):
        mesh.fail_next("POST", "/2$", *[faults.timeout_before] * ALWAYS)
        with pytest.raises(MeshUploadInterrupted):
            chunking.send(large)
    known = chunking.track_local_id(large.local_id)

    delivery = deliver(chunking, large, look_first=True)

    assert known.taken is Taken.SEVERAL_TIMES
    assert not delivery.adopted
    assert bodies(mesh) == [BODY]


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, MeshUploadInterrupted), (406, MeshUploadInterrupted), (403, MeshForbidden), (417, MeshRefused),
     (423, MeshUploadInterrupted)],
)  # fmt: skip
def test_a_chunk_that_mesh_will_not_have_ends_the_upload(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage, status: int, error: type[MeshError]
) -> None:
    mesh.fail_next("POST", "/2$", faults.answer(status), faults.answer(status))

    with pytest.raises(MeshError) as raised:
        chunking.send(large)

    assert type(raised.value) is error
    assert bodies(mesh) == []


def test_a_continued_upload_that_mesh_does_not_hold_is_gone(chunking: MeshClient, large: OutgoingMessage) -> None:
    with pytest.raises(MeshGone):
        chunking.resume(large, "UNKNOWN")


def test_nothing_of_a_later_chunk_is_posted_before_mesh_took_the_one_before(
    chunking: MeshClient, mesh: InMemoryMesh, large: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "/2$", *[faults.answer(503)] * ALWAYS)

    with pytest.raises(MeshUnavailable):
        chunking.send(large)

    assert not any(path.endswith("/3") for path in posted(mesh))


def test_a_message_in_chunks_is_downloaded_by_the_other_side(
    chunking: MeshClient, receiver: MeshClient, large: OutgoingMessage
) -> None:
    message_id = chunking.send(large)

    with receiver.download(message_id, 1_000_000) as message:
        assert (message.body, message.truncated, message.size) == (BODY, False, len(BODY))
    receiver.acknowledge(message_id)

    assert receiver.list_inbox() == []


class Swallowing(httpx.BaseTransport):
    """Takes whatever is posted without keeping it, as a socket does."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        self.sizes.append(sum(len(piece) for piece in request.stream))
        status = 200 if request.url.path.endswith(SENDER) else 202
        return httpx.Response(status, stream=httpx.ByteStream(b'{"message_id": "M1"}'))


@pytest.mark.parametrize("compress", [None, False])
def test_a_very_large_file_is_never_in_memory(
    mesh: InMemoryMesh, large: OutgoingMessage, tmp_path: Path, compress: bool | None
) -> None:
    transport = Swallowing()
    with (tmp_path / "large").open("w+b") as file:
        file.truncate(24_000_000)
        client = MeshClient(
            mesh.account(SENDER), mesh.clock, transport, directory=tmp_path, chunk_size=10_000_000, compress=compress
        )

        tracemalloc.start()
        client.send(replace(large, body=file))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 2_000_000
    if compress is False:
        assert transport.sizes[1:] == [10_000_000, 10_000_000, 4_000_000]
