"""What the server sees of the attempts: a new token each time, and no more of them than the call allows."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest

from shared.errors import MeshForbidden, MeshUnavailable
from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage
from tests.fakes import fault_script as script
from tests.fakes.clock import MovableClock
from tests.fakes.fault_server import Fault, FaultServer, Received
from tests.fakes.mesh import SHARED_KEY
from tests.shared.mesh.conftest import SENDER

LONGEST_PAUSE = 35.0


@pytest.fixture
def client(faulty: FaultServer) -> Iterator[MeshClient]:
    with faulty.client(SENDER) as client:
        client.handshake()
        faulty.received.clear()
        yield client


def nonce_of(request: Received, at: datetime) -> str:
    """Check the token as the MESH API specification describes it, and return its nonce and count."""
    scheme, _, token = request.headers["authorization"].partition(" ")
    mailbox_id, nonce, count, stamp, signature = token.split(":")
    signed = f"{mailbox_id}:{nonce}:{count}:password:{stamp}".encode("ascii")
    assert (scheme, mailbox_id) == ("NHSMESH", SENDER)
    assert str(UUID(nonce)) == nonce
    assert abs(datetime.strptime(stamp, "%Y%m%d%H%M").replace(tzinfo=UTC) - at) < timedelta(minutes=2)
    assert signature == hmac.new(SHARED_KEY.encode("ascii"), signed, hashlib.sha256).hexdigest()
    return f"{nonce}:{int(count)}"


@pytest.mark.parametrize(
    "fault",
    [script.cut_before_reading, script.cut_before_answer, script.taken_and_cut_in_answer_body,
     script.answers(503, script.HTML), script.answers(429)],
    ids=["cut before reading", "cut before the answer", "cut in the answer", "503", "429"],
)  # fmt: skip
def test_every_attempt_has_a_token_of_its_own_that_is_signed_with_the_shared_key(
    faulty: FaultServer, client: MeshClient, fault: Fault
) -> None:
    faulty.plan("GET", "/inbox", fault, fault, fault)

    client.list_inbox()

    attempts = [each for each in faulty.received if each.headers]
    assert len({nonce_of(each, faulty.mesh.clock()) for each in attempts}) == len(attempts)
    assert len(faulty.received) == 4


def test_threads_never_use_a_token_twice(faulty: FaultServer, client: MeshClient) -> None:
    message_id = faulty.mesh.put(SENDER, b"x")

    def work(number: int) -> None:
        for _ in range(25):
            client.head(message_id)
            client.track_local_id(f"a1b2.{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    nonces = {nonce_of(each, faulty.mesh.clock()) for each in faulty.received}
    assert len(nonces) == len(faulty.received) == 8 * 50


def test_an_endpoint_look_up_shows_no_token(faulty: FaultServer, client: MeshClient) -> None:
    client.lookup("A81001", "GPFED_CONSULT_REPORT")

    (request,) = faulty.received
    assert "authorization" not in request.headers


def test_every_request_asks_for_version_2_and_gzip_alone_and_for_messages_as_they_are(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage
) -> None:
    message_id = faulty.mesh.put(SENDER, b"x")

    client.handshake()
    client.send(report)
    client.list_inbox()
    client.head(message_id)
    client.download(message_id, 10)
    client.acknowledge(message_id)

    assert {each.headers["accept"] for each in faulty.received} == {"application/vnd.mesh.v2+json"}
    asked = [each.headers["accept-encoding"] for each in faulty.received]
    assert asked == ["gzip", "gzip", "gzip", "gzip", "identity", "gzip"]


@pytest.mark.parametrize("status", [425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", script.BODIES.values(), ids=script.BODIES.keys())
def test_a_mesh_that_stays_away_is_given_up_after_a_few_attempts_with_growing_pauses(
    faulty: FaultServer, client: MeshClient, status: int, body: bytes
) -> None:
    faulty.plan("GET", "/inbox", *[script.answers(status, body)] * 99)

    with pytest.raises(MeshUnavailable) as unavailable:
        client.list_inbox()

    assert unavailable.value.http_status == status
    assert len(faulty.received) == len(faulty.pauses) + 1 <= 5
    assert faulty.pauses == sorted(faulty.pauses)


def test_the_pause_is_never_twice_the_same(faulty: FaultServer, client: MeshClient) -> None:
    for _ in range(5):
        faulty.plan("GET", "/inbox", script.answers(503))
        client.list_inbox()

    assert len(set(faulty.pauses)) == 5


@pytest.mark.parametrize("as_date", [False, True], ids=["in seconds", "as a date"])
@pytest.mark.parametrize("status", [425, 429, 503])
def test_the_pause_that_mesh_asks_for_is_made(
    faulty: FaultServer, client: MeshClient, status: int, as_date: bool
) -> None:
    then = format_datetime(faulty.mesh.clock() + timedelta(seconds=12), usegmt=True)
    faulty.plan("GET", "/inbox", script.answers(status, b"", {"retry-after": then if as_date else "12"}))

    client.list_inbox()

    (pause,) = faulty.pauses
    assert 12 <= pause <= 14


@pytest.mark.parametrize("wish", ["3600", "999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_no_pause_of_a_call_is_longer_than_the_cap(faulty: FaultServer, client: MeshClient, wish: str) -> None:
    faulty.plan("GET", "/inbox", *[script.answers(503, b"", {"retry-after": wish})] * 99)

    with pytest.raises(MeshUnavailable):
        client.list_inbox()

    assert sum(faulty.pauses) <= LONGEST_PAUSE


@pytest.mark.parametrize("wish", ["soon", "-1", "1e3", "", "Fri, 31 Dec 1999", "0x10"])
def test_a_wish_that_makes_no_sense_changes_nothing(faulty: FaultServer, client: MeshClient, wish: str) -> None:
    faulty.plan("GET", "/inbox", script.answers(503, b"", {"retry-after": wish}))

    client.list_inbox()

    assert faulty.pauses[0] <= 2.0


def test_a_refused_token_is_tried_once_more_with_a_new_one_and_then_told(
    faulty: FaultServer, client: MeshClient
) -> None:
    faulty.plan("GET", "/inbox", *[script.answers(403, script.JSON)] * 9)

    with pytest.raises(MeshForbidden):
        client.list_inbox()

    assert len({each.headers["authorization"] for each in faulty.received}) == len(faulty.received) == 2


def test_a_token_is_of_the_minute_of_its_attempt(faulty: FaultServer, client: MeshClient) -> None:
    assert isinstance(faulty.mesh.clock, MovableClock)
    faulty.mesh.clock.move(timedelta(seconds=45))
    faulty.plan("GET", "/inbox", script.answers(503, b"", {"retry-after": "20"}))

    client.list_inbox()

    stamps = [re.split("[: ]", each.headers["authorization"])[4] for each in faulty.received]
    assert stamps == ["202611201800", "202611201801"]
