"""Answers that are broken, endless or larger than anything: never taken for a message, never held in memory."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from threading import Timer

import pytest

from shared.errors import MeshError, MeshProtocolError, MeshUnavailable
from shared.mesh.client import MeshClient
from shared.mesh.observer import Observer
from tests.fakes import fault_catalogue as catalogue
from tests.fakes import fault_script as script
from tests.fakes.fault_server import Fault, FaultServer
from tests.fakes.memory import Peak
from tests.shared.mesh.conftest import SENDER

MEGABYTE = 1_000_000
TOO_LONG = 10.0


@pytest.fixture
def client(faulty: FaultServer) -> Iterator[MeshClient]:
    with faulty.client(SENDER) as client:
        client.handshake()
        yield client


BOMBS = {
    "bomb": script.bomb(200 * MEGABYTE),
    "endless": script.endless(b"x" * 65_536),
    "endless gzip": script.endless(gzip.compress(b"x" * 65_536), "gzip"),
}
# It never becomes a single byte.
NOTHING_WITHOUT_END = script.endless(gzip.compress(b"") * 1000, "gzip")


@pytest.mark.parametrize("fault", BOMBS.values(), ids=BOMBS.keys())
def test_of_a_message_without_end_no_more_is_read_than_was_asked_for(
    faulty: FaultServer, client: MeshClient, fault: Fault
) -> None:
    message_id = faulty.mesh.put(SENDER, b"x" * 100)
    faulty.plan("GET", "/inbox/", fault)

    with Peak() as peak, client.download(message_id, 2 * MEGABYTE) as message:
        assert (message.size, message.truncated) == (2 * MEGABYTE, True)

    assert peak.size < 12 * MEGABYTE


@pytest.mark.parametrize("fault", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("GET", r"/inbox\?", lambda client: client.list_inbox()),
        ("GET", r"/tracking\?", lambda client: client.track("M1")),
        ("GET", "/endpointlookup/", lambda client: client.lookup("B82002", "W")),
        ("POST", f"/{SENDER}$", lambda client: client.handshake()),
    ],
    ids=["list", "track", "look up", "handshake"],
)
def test_of_any_other_answer_without_end_a_few_megabytes_are_read(
    faulty: FaultServer,
    client: MeshClient,
    fault: Fault,
    method: str,
    path: str,
    call: Callable[[MeshClient], object],
) -> None:
    faulty.plan(method, path, fault)

    with Peak() as peak, suppress(MeshError):
        call(client)

    assert peak.size < 25 * MEGABYTE


def test_an_answer_that_goes_on_and_never_becomes_anything_is_given_up(faulty: FaultServer, client: MeshClient) -> None:
    message_id = faulty.mesh.put(SENDER, b"x" * 100)
    faulty.plan("GET", "/inbox/", NOTHING_WITHOUT_END)
    rescue = Timer(TOO_LONG, faulty.hang_up)
    rescue.start()

    with pytest.raises(MeshError):
        client.download(message_id, MEGABYTE)
    was_rescued = not rescue.is_alive()
    rescue.cancel()

    assert not was_rescued


@pytest.mark.parametrize(
    "headers", [{"mex-chunk-range": "1:3"}, {"mex-chunk-range": "3:3"}, {"mex-messageid": "ANOTHER"}]
)
def test_a_chunk_that_says_it_is_another_one_is_not_joined(
    faulty: FaultServer, client: MeshClient, headers: dict[str, str]
) -> None:
    message_id = faulty.mesh.put(SENDER, os.urandom(90_000), chunks=3)
    faulty.plan("GET", "/inbox/.*/2$", script.adds(headers))

    with pytest.raises(MeshProtocolError):
        client.download(message_id, MEGABYTE)


CORRUPT = {
    "gzip cut short": script.zips(0.5),
    "gzip without its checksum": script.zips(0.995),
    "corrupt gzip": script.zips(corrupt=True),
    "gzip that is none": script.answers(200, script.HTML, {"content-encoding": "gzip"}),
    "an encoding not asked for": script.adds({"content-encoding": "br"}),
}


@pytest.mark.parametrize("fault", CORRUPT.values(), ids=CORRUPT.keys())
def test_a_corrupt_message_is_not_taken_for_one_and_comes_whole_the_next_time(
    faulty: FaultServer, client: MeshClient, fault: Fault
) -> None:
    body = os.urandom(50_000)
    message_id = faulty.mesh.put(SENDER, body)
    faulty.plan("GET", "/inbox/", *[fault] * 9)

    with pytest.raises((MeshProtocolError, MeshUnavailable)):
        client.download(message_id, MEGABYTE)
    faulty.forget_plans()

    assert client.download(message_id, MEGABYTE).body == body


CUT_SHORT = {
    name: catalogue.CUTS[name]
    for name in (
        "taken and cut in the answer's headers",
        "taken and cut in the answer's body",
        "taken and cut in a chunk of the answer",
    )
}


@pytest.mark.parametrize("fault", CUT_SHORT.values(), ids=CUT_SHORT.keys())
@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_message_cut_short_in_any_chunk_is_fetched_again_and_whole(
    faulty: FaultServer, client: MeshClient, fault: Fault, chunk: int
) -> None:
    body = os.urandom(90_000)
    message_id = faulty.mesh.put(SENDER, body, chunks=3)
    faulty.plan("GET", "/inbox/[^/]*$" if chunk == 1 else f"/inbox/.*/{chunk}$", fault)

    assert client.download(message_id, MEGABYTE).body == body


@pytest.mark.parametrize("chunk", [2, 3])
@pytest.mark.parametrize("status", [404, 410, 403, 503, 204, 302])
def test_a_message_of_which_a_chunk_is_missing_is_not_taken_for_one(
    faulty: FaultServer, client: MeshClient, chunk: int, status: int
) -> None:
    message_id = faulty.mesh.put(SENDER, os.urandom(90_000), chunks=3)
    faulty.plan("GET", f"/inbox/.*/{chunk}$", *[script.answers(status)] * 9)

    with pytest.raises(MeshError):
        client.download(message_id, MEGABYTE)


def test_a_token_is_not_sent_to_where_a_page_of_the_inbox_says(faulty: FaultServer, client: MeshClient) -> None:
    page = b'{"messages": [], "links": {"next": "http://127.0.0.1:9/messageexchange/elsewhere"}}'
    faulty.plan("GET", "/inbox", script.answers(200, page))

    with pytest.raises(MeshProtocolError):
        client.list_inbox()

    assert len(faulty.seen("GET", "")) == 1


def test_the_headers_of_another_message_are_not_taken_for_those_asked_for(
    faulty: FaultServer, client: MeshClient
) -> None:
    message_id = faulty.mesh.put(SENDER, b"x")
    faulty.plan("HEAD", "/inbox/", script.adds({"mex-messageid": "ANOTHER"}))
    faulty.plan("GET", "/inbox/", script.adds({"mex-messageid": "ANOTHER"}))

    for call in (client.head, lambda each: client.download(each, MEGABYTE)):
        with pytest.raises(MeshProtocolError):
            call(message_id)


class Clocks(Observer):
    """Keeps by how much our clock was ahead of MESH's."""

    def __init__(self) -> None:
        self.seen: list[timedelta] = []

    def clock_compared(self, ahead: timedelta) -> None:
        self.seen.append(ahead)


@pytest.mark.parametrize(
    ("status", "date", "ahead"),
    [
        (200, "Fri, 20 Nov 2026 17:58:00 GMT", timedelta(minutes=2)),
        (200, "Fri, 20 Nov 2026 19:00:00 GMT", timedelta(hours=-1)),
        (200, "Fri, 20 Nov 2026 18:00:00 GMT", timedelta(0)),
        (403, "Fri, 20 Nov 2026 12:00:00 GMT", timedelta(hours=6)),
        (404, "Fri, 20 Nov 2026 12:00:00 GMT", timedelta(hours=6)),
    ],
)
def test_our_clock_is_compared_with_the_date_of_every_answer(
    faulty: FaultServer, status: int, date: str, ahead: timedelta
) -> None:
    clocks = Clocks()
    faulty.plan("GET", "/inbox", *[script.answers(status, b'{"messages": []}', {"date": date})] * 2)

    with faulty.client(SENDER, observer=clocks) as client, suppress(MeshError):
        client.list_inbox()

    assert clocks.seen[0] == ahead
    # A refused token is tried once more, after a pause.
    assert len(clocks.seen) == len(faulty.received)


@pytest.mark.parametrize("date", ["yesterday", "", "Fri, 99 Nov 2026 18:00:00 GMT", "0", "Fri, 20 Nov 2026"])
def test_a_date_that_makes_no_sense_is_compared_with_nothing(faulty: FaultServer, date: str) -> None:
    clocks = Clocks()
    faulty.plan("GET", "/inbox", script.answers(200, b'{"messages": []}', {"date": date}))

    with faulty.client(SENDER, observer=clocks) as client:
        assert client.list_inbox() == []

    assert clocks.seen == []
