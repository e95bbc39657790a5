"""Uploads in chunks to NHS England's mesh-sandbox, over lines that break."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from shared.errors import MeshError, MeshGone, MeshUploadInterrupted
from shared.mesh.client import MeshClient
from shared.mesh.delivery import Delivery, deliver
from shared.mesh.messages import OutgoingMessage
from tests.fakes.memory import Peak
from tests.sandbox.conftest import PUBLISHED, PublishedMesh

pytestmark = pytest.mark.sandbox
OURS, THEIRS, _ = PUBLISHED
CHUNK = 10_000
MEGABYTE = 1_000_000
LARGE = 25
BODY = os.urandom(3 * CHUNK + 17)


class BreakingLine(httpx.HTTPTransport):
    """Loses what a request whose path has ``pattern`` was answered (``taken``), or the request, ``times`` times."""

    def __init__(self, mesh: PublishedMesh, pattern: str, *, taken: bool, times: int = 1) -> None:
        super().__init__(verify=mesh.context())
        self.pattern = re.compile(pattern)
        self.taken = taken
        self.times = times
        self.statuses: list[int] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        breaks = request.method == "POST" and self.pattern.search(request.url.path) and self.times > 0
        if breaks and not self.taken:
            self.times -= 1
            raise httpx.WriteError("Broken pipe")
        response = super().handle_request(request)
        if request.method == "POST" and self.pattern.search(request.url.path):
            self.statuses.append(response.status_code)
        if breaks:
            self.times -= 1
            response.close()
            raise httpx.ReadError("Connection reset by peer")
        return response


@pytest.fixture
def theirs(published: PublishedMesh) -> Iterator[MeshClient]:
    with published.client(THEIRS) as client:
        yield client


@pytest.fixture
def message() -> OutgoingMessage:
    return OutgoingMessage(THEIRS, "TEST_WORKFLOW", "a1b2.1", "A subject", BODY)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "compressed"])
@pytest.mark.parametrize("size", [1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17])
def test_a_body_of_any_size_arrives_whole(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, compress: bool, size: int
) -> None:
    with published.client(OURS, chunk_size=CHUNK, compress=compress) as ours:
        message_id = ours.send(replace(message, body=BODY[:size]))

    received = theirs.download(message_id, 1_000_000)
    assert received.body == BODY[:size]
    assert received.headers.total_chunks == -(-size // CHUNK)


def test_a_body_may_be_a_file(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, tmp_path: Path
) -> None:
    (tmp_path / "body").write_bytes(BODY)

    with (tmp_path / "body").open("rb") as file, published.client(OURS, chunk_size=CHUNK) as ours:
        ids = [ours.send(replace(message, body=file)) for _ in range(2)]
        ids.append(ours.send(replace(message, body=io.BytesIO(BODY[:100]))))

    bodies = [theirs.download(each, 1_000_000).body for each in ids]
    assert bodies == [BODY, BODY, BODY[:100]]


@pytest.mark.parametrize("limit", [1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_message_in_chunks_is_cut_where_asked_for(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, limit: int
) -> None:
    with published.client(OURS, chunk_size=CHUNK) as ours:
        message_id = ours.send(message)

    received = theirs.download(message_id, limit)

    assert (received.body, received.truncated) == (BODY[:limit], True)


@pytest.mark.parametrize("taken", [False, True], ids=["not taken", "taken"])
@pytest.mark.parametrize("chunk", [2, 3, 4])
def test_a_later_chunk_is_posted_again_when_no_answer_comes(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, chunk: int, taken: bool
) -> None:
    line = BreakingLine(published, f"/outbox/.*/{chunk}$", taken=taken)

    with published.client(OURS, chunk_size=CHUNK, transport=line) as ours:
        message_id = ours.send(message)

    assert theirs.list_inbox() == [message_id]
    assert theirs.download(message_id, 1_000_000).body == BODY


def test_a_last_chunk_that_mesh_already_has_counts_as_taken(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage
) -> None:
    line = BreakingLine(published, "/outbox/.*/4$", taken=True)

    with published.client(OURS, chunk_size=CHUNK, transport=line) as ours:
        message_id = ours.send(message)

        assert ours.track(message_id).status == "accepted"
    assert line.statuses in ([202], [202, 423])
    assert theirs.list_inbox() == [message_id]


@pytest.mark.parametrize("chunk", [2, 3, 4])
def test_an_upload_that_breaks_off_shows_nobody_anything_and_is_taken_up_again(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, chunk: int
) -> None:
    line = BreakingLine(published, f"/outbox/.*/{chunk}$", taken=False, times=99)

    with published.client(OURS, chunk_size=CHUNK, transport=line) as ours:
        with pytest.raises(MeshUploadInterrupted) as interrupted:
            deliver(ours, message, look_first=False)
        assert interrupted.value.message_id is not None
        assert ours.track(interrupted.value.message_id).status == "uploading"
        assert theirs.list_inbox() == []
        with pytest.raises(MeshGone):
            theirs.download(interrupted.value.message_id, 100)
        line.times = 0
        delivery = deliver(ours, message, look_first=True)

    assert delivery == Delivery(interrupted.value.message_id, adopted=True)
    assert theirs.list_inbox() == [interrupted.value.message_id]
    assert theirs.download(interrupted.value.message_id, 1_000_000).body == BODY


@pytest.mark.parametrize("taken", [False, True], ids=["not taken", "taken"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 4])
def test_whatever_breaks_one_whole_message_arrives(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, chunk: int, taken: bool
) -> None:
    pattern = "/outbox$" if chunk == 1 else f"/outbox/.*/{chunk}$"
    line, look_first = BreakingLine(published, pattern, taken=taken, times=5), False

    with published.client(OURS, chunk_size=CHUNK, transport=line) as ours:
        for _ in range(6):
            try:
                deliver(ours, message, look_first=look_first)
                break
            except MeshError:
                look_first = True

    (message_id,) = theirs.list_inbox()
    assert theirs.download(message_id, 1_000_000).body == BODY


@pytest.mark.parametrize("size", [2 * CHUNK, CHUNK // 2, 10 * CHUNK])
def test_an_upload_that_broke_off_is_not_continued_with_chunks_of_another_size(
    published: PublishedMesh, theirs: MeshClient, message: OutgoingMessage, size: int
) -> None:
    line = BreakingLine(published, "/outbox/.*/3$", taken=False, times=99)
    with published.client(OURS, chunk_size=CHUNK, transport=line) as ours, pytest.raises(MeshUploadInterrupted):
        ours.send(message)

    with published.client(OURS, chunk_size=size) as ours:
        delivery = deliver(ours, message, look_first=True)

    assert theirs.list_inbox() == [delivery.message_id]
    assert theirs.download(delivery.message_id or "", 1_000_000).body == BODY


@pytest.mark.parametrize("running_published", ["memory"], indirect=True)
@pytest.mark.parametrize("compress", [False, True], ids=["plain", "compressed"])
def test_a_large_message_is_neither_sent_nor_received_by_way_of_the_memory(
    published: PublishedMesh, message: OutgoingMessage, tmp_path: Path, compress: bool
) -> None:
    piece = os.urandom(MEGABYTE)
    large = tmp_path / "large"
    large.write_bytes(piece * LARGE)
    files = tmp_path / "files"
    files.mkdir()
    sender = published.client(OURS, chunk_size=10 * MEGABYTE, compress=compress, directory=files)

    with Peak() as peak:
        with sender, large.open("rb") as body:
            message_id = sender.send(replace(message, body=body))
        with (
            published.client(THEIRS, directory=files) as theirs,
            theirs.download(message_id, 2 * LARGE * MEGABYTE) as received,
        ):
            file = received.open()
            same = all(file.read(MEGABYTE) == piece for _ in range(LARGE))

    assert same
    assert received.size == LARGE * MEGABYTE
    assert peak.size < 12 * MEGABYTE
    assert list(files.iterdir()) == []
