"""A message in chunks over a breaking line: nobody ever sees a broken one, and one whole message arrives."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest

from shared.errors import MeshAmbiguous, MeshError, MeshUnavailable, MeshUploadInterrupted
from shared.mesh.client import MeshClient
from shared.mesh.delivery import Delivery, deliver
from shared.mesh.messages import OutgoingMessage
from tests.fakes import fault_catalogue as catalogue
from tests.fakes import fault_script as script
from tests.fakes.fault_server import Exchange, Fault, FaultServer, raw_body
from tests.shared.mesh.conftest import RECEIVER, SENDER

CHUNK, LAST = 20_000, 4
BODY = os.urandom((LAST - 1) * CHUNK + 5)
MOST_ATTEMPTS = 4
FAULTS = {
    **catalogue.CUTS,
    **catalogue.TAKEN_BUT_REFUSED,
    **{name: catalogue.REFUSALS[name] for name in ("429 empty", "503 html")},
    **{name: catalogue.NONSENSE[name] for name in ("no HTTP", "a body that is no JSON", "corrupt gzip", "forbidden")},
    **{name: catalogue.NONSENSE[name] for name in ("a redirect elsewhere", "an early answer", "gone", "no content")},
}
LATER = [2, 3, LAST]


@pytest.fixture
def message(report: OutgoingMessage) -> OutgoingMessage:
    return replace(report, to=RECEIVER, body=BODY)


@pytest.fixture
def client(faulty: FaultServer) -> Iterator[MeshClient]:
    with faulty.client(SENDER, chunk_size=CHUNK) as client:
        client.handshake()
        yield client


@pytest.fixture
def receiver(faulty: FaultServer) -> Iterator[MeshClient]:
    with faulty.client(RECEIVER) as client:
        yield client


def path_of(chunk: int) -> str:
    return "/outbox$" if chunk == 1 else f"/outbox/[^/]*/{chunk}$"


def seen_by(receiver: MeshClient) -> list[bytes]:
    return [receiver.download(each, 10_000_000).body for each in receiver.list_inbox()]


def posted(faulty: FaultServer) -> list[int]:
    """Return the numbers of the chunks in the order in which they were posted."""
    paths = [each.path for each in faulty.seen("POST", "/outbox")]
    return [int(path.rpartition("/")[2]) if re.search("/outbox/", path) else 1 for path in paths]


@pytest.mark.parametrize("times", [1, 9], ids=["once", "for long"])
@pytest.mark.parametrize("chunk", [1, 2, LAST])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_whatever_goes_wrong_with_a_chunk_one_whole_message_arrives_and_never_a_broken_one(
    faulty: FaultServer,
    client: MeshClient,
    receiver: MeshClient,
    message: OutgoingMessage,
    fault: Fault,
    chunk: int,
    times: int,
) -> None:
    faulty.plan("POST", path_of(chunk), *[fault] * times)

    delivery: Delivery | None = None
    seen: list[list[bytes]] = []
    while delivery is None and len(seen) < 9:
        with suppress(MeshError):
            delivery = deliver(client, message, look_first=bool(seen))
        seen.append(seen_by(receiver))
        faulty.forget_plans()

    assert delivery is not None
    assert all(each in ([], [BODY]) for each in seen)
    assert seen_by(receiver) == [BODY]
    assert receiver.list_inbox() == [delivery.message_id]
    numbers = posted(faulty)
    assert all(number == 1 or number - 1 in numbers[:at] for at, number in enumerate(numbers))


@pytest.mark.parametrize("chunk", LATER)
@pytest.mark.parametrize("fault", catalogue.CUTS.values(), ids=catalogue.CUTS.keys())
def test_a_later_chunk_is_posted_again_by_itself_with_a_new_token(
    faulty: FaultServer, client: MeshClient, receiver: MeshClient, message: OutgoingMessage, fault: Fault, chunk: int
) -> None:
    faulty.plan("POST", path_of(chunk), fault, fault)

    client.send(message)

    attempts = faulty.seen("POST", path_of(chunk))
    tokens = [each.headers["authorization"] for each in attempts if each.headers]
    assert len(attempts) == 3
    assert len(set(tokens)) == len(tokens)
    assert seen_by(receiver) == [BODY]


@pytest.mark.parametrize("status", [425, 429, 500, 502, 503, 504])
def test_between_the_attempts_of_a_chunk_the_pause_that_mesh_asks_for_is_made(
    faulty: FaultServer, client: MeshClient, message: OutgoingMessage, status: int
) -> None:
    faulty.plan("POST", path_of(2), script.answers(status, script.SOAP, {"retry-after": "9"}))

    client.send(message)

    assert [9 <= each <= 11 for each in faulty.pauses] == [True]


@pytest.mark.parametrize("chunk", LATER)
def test_an_upload_that_breaks_off_for_good_is_told_as_such_and_resumed_under_its_id(
    faulty: FaultServer, client: MeshClient, receiver: MeshClient, message: OutgoingMessage, chunk: int
) -> None:
    faulty.plan("POST", path_of(chunk), *[script.cut_in_body] * MOST_ATTEMPTS)

    with pytest.raises(MeshUploadInterrupted) as interrupted:
        client.send(message)
    before = seen_by(receiver)
    delivery = deliver(client, message, look_first=True)

    assert before == []
    assert interrupted.value.retryable
    assert not interrupted.value.ambiguous
    assert delivery == Delivery(interrupted.value.message_id, adopted=True)
    assert seen_by(receiver) == [BODY]
    assert posted(faulty).count(1) == 1


def test_an_upload_that_mesh_knows_nothing_of_any_more_begins_anew(
    faulty: FaultServer, client: MeshClient, receiver: MeshClient, message: OutgoingMessage
) -> None:
    faulty.plan("POST", path_of(3), *[script.answers(404, script.JSON)] * 2)

    for look_first in (False, True):
        with suppress(MeshUploadInterrupted):
            deliver(client, message, look_first=look_first)

    assert seen_by(receiver) == [BODY]


def test_a_last_chunk_of_which_nothing_can_be_learned_is_ambiguous_and_never_posts_a_second_message(
    faulty: FaultServer, client: MeshClient, receiver: MeshClient, message: OutgoingMessage
) -> None:
    faulty.plan("POST", path_of(LAST), *[script.taken_and_cut] * MOST_ATTEMPTS)
    faulty.plan("GET", r"/tracking\?", *[script.cut_before_answer] * MOST_ATTEMPTS)

    with pytest.raises(MeshAmbiguous):
        client.send(message)
    deliver(client, message, look_first=True)

    assert seen_by(receiver) == [BODY]
    assert posted(faulty).count(1) == 1


def test_no_chunk_follows_one_that_mesh_did_not_take(
    faulty: FaultServer, client: MeshClient, message: OutgoingMessage
) -> None:
    faulty.plan("POST", path_of(2), *[script.answers(503)] * MOST_ATTEMPTS)

    with pytest.raises(MeshUnavailable):
        client.send(message)

    assert set(posted(faulty)) == {1, 2}


@pytest.mark.parametrize("compress", [None, False, True])
def test_the_headers_of_every_chunk_fit_together(
    faulty: FaultServer, message: OutgoingMessage, compress: bool | None
) -> None:
    with faulty.client(SENDER, chunk_size=CHUNK, compress=compress) as client:
        client.send(message)

    chunks = [each.headers for each in faulty.seen("POST", "/outbox")]
    assert [each["mex-chunk-range"] for each in chunks] == [f"{number}:{LAST}" for number in range(1, LAST + 1)]
    assert {each.get("content-encoding") for each in chunks} == {None if compress is False else "gzip"}
    assert {each["content-type"] for each in chunks} == {"application/octet-stream"}
    assert chunks[0]["mex-content-type"] == message.content_type
    assert all("mex-to" not in each for each in chunks[1:])
    assert all("content-length" in each for each in chunks)


def test_a_message_in_one_piece_says_nothing_of_chunks(
    faulty: FaultServer, client: MeshClient, message: OutgoingMessage
) -> None:
    client.send(replace(message, body=BODY[:CHUNK]))

    (post,) = faulty.seen("POST", "/outbox")
    assert not {"mex-chunk-range", "content-encoding", "mex-content-type"} & post.headers.keys()
    assert post.headers["content-type"] == message.content_type


def without_the_number_of_chunks(exchange: Exchange) -> None:
    """MESH's old answer about a local id need not say it."""
    exchange.receive()
    known = json.loads(raw_body(exchange.pass_to_mesh()))
    known.pop("chunkCount")
    exchange.answer(httpx.Response(200, stream=httpx.ByteStream(json.dumps(known).encode())))


@pytest.mark.parametrize("size", [2 * CHUNK, CHUNK // 2])
def test_an_upload_is_never_thought_whole_that_was_continued_with_chunks_of_another_size(
    faulty: FaultServer, client: MeshClient, receiver: MeshClient, message: OutgoingMessage, size: int
) -> None:
    faulty.plan("POST", path_of(3), *[script.cut_in_body] * MOST_ATTEMPTS)
    with pytest.raises(MeshUploadInterrupted):
        client.send(message)
    faulty.plan("GET", "/tracking/", *[without_the_number_of_chunks] * 9)

    delivery: Delivery | None = None
    with faulty.client(SENDER, chunk_size=size) as other, suppress(MeshError):
        delivery = deliver(other, message, look_first=True)

    assert seen_by(receiver) in ([], [BODY])
    assert delivery is None or receiver.list_inbox() == [delivery.message_id]
