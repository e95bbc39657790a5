"""A message is neither lost nor doubled, wherever the connection breaks while it is sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.errors import MeshAmbiguous, MeshError, MeshForbidden, MeshRefused, MeshUnavailable, MeshUnreachable
from shared.mesh.client import MeshClient
from shared.mesh.connection import Timeouts
from shared.mesh.delivery import Delivery, deliver
from shared.mesh.messages import OutgoingMessage
from tests.fakes import fault_catalogue as catalogue
from tests.fakes import fault_script as script
from tests.fakes.fault_server import Fault, FaultServer
from tests.fakes.mesh import InMemoryMesh
from tests.shared.mesh.conftest import SENDER

NOT_TAKEN = {
    name: catalogue.CUTS[name]
    for name in ("cut before reading", "cut after the headers", "cut in the body", "cut before the answer")
}
TAKEN = {name: fault for name, fault in catalogue.CUTS.items() if name not in NOT_TAKEN}
# More than the buffers of a connection hold: the client is still writing when it breaks.
LARGE = b"<Bundle/>" * 600_000


@pytest.fixture
def client(faulty: FaultServer) -> Iterator[MeshClient]:
    with faulty.client(SENDER) as client:
        client.handshake()
        yield client


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("fault", NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_a_send_cut_before_mesh_took_it_is_ambiguous_and_ends_with_one_message(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage, fault: Fault, size: str
) -> None:
    message = report if size == "small" else replace(report, body=LARGE)
    faulty.plan("POST", "/outbox$", fault)

    with pytest.raises(MeshAmbiguous):
        deliver(client, message, look_first=False)
    delivery = deliver(client, message, look_first=True)

    (taken,) = faulty.mesh.posts
    assert delivery == Delivery(taken.message_id, adopted=False)
    assert taken.body == message.body


@pytest.mark.parametrize(
    "fault", [*TAKEN.values(), *catalogue.TAKEN_BUT_REFUSED.values()], ids=[*TAKEN.keys(), *catalogue.TAKEN_BUT_REFUSED]
)
def test_a_send_that_mesh_took_without_saying_so_is_ambiguous_and_adopted(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage, fault: Fault
) -> None:
    faulty.plan("POST", "/outbox$", fault)

    with pytest.raises(MeshAmbiguous):
        deliver(client, report, look_first=False)
    delivery = deliver(client, report, look_first=True)

    (taken,) = faulty.mesh.posts
    assert delivery == Delivery(taken.message_id, adopted=True)
    assert len(faulty.seen("POST", "/outbox$")) == 1


@pytest.mark.parametrize("fault", [*TAKEN.values(), *NOT_TAKEN.values()], ids=[*TAKEN, *NOT_TAKEN])
def test_the_look_up_may_break_as_often_as_the_send(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage, fault: Fault
) -> None:
    faulty.plan("POST", "/outbox$", fault)
    faulty.plan("GET", "/tracking/", *[fault] * 6)

    with pytest.raises(MeshAmbiguous):
        deliver(client, report, look_first=False)
    with pytest.raises(MeshUnavailable):
        deliver(client, report, look_first=True)
    deliver(client, report, look_first=True)

    assert len(faulty.mesh.posts) == 1


@pytest.mark.parametrize("fault", catalogue.STALLS.values(), ids=catalogue.STALLS.keys())
def test_a_send_whose_answer_does_not_come_is_ambiguous_and_ends_with_one_message(
    faulty: FaultServer, report: OutgoingMessage, fault: Fault
) -> None:
    faulty.plan("POST", "/outbox$", fault)

    with faulty.client(SENDER, timeouts=Timeouts(read_after_post=0.2)) as client, pytest.raises(MeshAmbiguous):
        deliver(client, report, look_first=False)
    # What is late reaches MESH at last: for that the caller pauses before it looks the message up.
    faulty.release()
    with faulty.client(SENDER) as client:
        deliver(client, report, look_first=True)

    assert len(faulty.mesh.posts) == 1


def test_after_an_ambiguous_send_nothing_is_posted_again_by_itself(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage
) -> None:
    faulty.plan("POST", "/outbox$", *[script.cut_before_answer] * 9)

    with pytest.raises(MeshAmbiguous):
        client.send(report)

    assert len(faulty.seen("POST", "/outbox$")) == 1
    assert faulty.pauses == []


@pytest.mark.parametrize("status", [425, 429])
@pytest.mark.parametrize("body", script.BODIES.values(), ids=script.BODIES.keys())
def test_an_overloaded_mesh_has_not_taken_the_message_and_is_not_asked_again_at_once(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage, status: int, body: bytes
) -> None:
    faulty.plan("POST", "/outbox$", *[script.answers(status, body, {"retry-after": "1"})] * 9)

    with pytest.raises(MeshUnavailable):
        client.send(report)

    assert len(faulty.seen("POST", "/outbox$")) == 1
    assert faulty.pauses == []


def test_a_message_too_large_for_a_gateway_is_refused_for_good(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage
) -> None:
    faulty.plan("POST", "/outbox$", script.answers(413, script.HTML))

    with pytest.raises(MeshRefused) as refused:
        client.send(report)

    assert refused.value.http_status == 413


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_message_and_token(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage, status: int
) -> None:
    elsewhere = f"{faulty.url}/messageexchange/{SENDER}/elsewhere"
    faulty.plan("POST", "/outbox$", script.answers(status, b"", {"location": elsewhere}))

    with pytest.raises(MeshForbidden):
        client.send(report)

    assert faulty.seen("POST", "elsewhere") == faulty.seen("GET", "elsewhere") == []
    assert faulty.mesh.posts == []


@pytest.mark.parametrize("status", [400, 403, 503])
@pytest.mark.parametrize("key", ["msg", "code", "errorDescription"])
@pytest.mark.parametrize("name", ["mex-to", "mex-subject", "authorization"])
def test_what_an_answer_quotes_of_the_request_is_in_no_error(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage, status: int, key: str, name: str
) -> None:
    faulty.plan("POST", "/outbox$", script.echoes(status, key, name))

    with pytest.raises(MeshError) as raised:
        client.send(report)

    error, (post,) = raised.value, faulty.seen("POST", "/outbox$")
    told = " ".join(map(str, (error, error.event, error.code, error.message)))
    assert str(status) in told
    _, signature = post.headers["authorization"].rsplit(":", 1)
    for secret in ("9690937278", "Smith", signature[:16]):
        assert secret not in told


def test_where_nobody_listens_mesh_is_unreachable_and_nothing_is_ambiguous(
    mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        account = replace(mesh.account(SENDER), url=f"http://127.0.0.1:{nobody.getsockname()[1]}")

        with MeshClient(account, mesh.clock, sleep=lambda _: None) as client:
            for call in (client.handshake, client.list_inbox, lambda: client.send(report)):
                with pytest.raises(MeshUnreachable):
                    call()


def test_where_somebody_breaks_off_the_tls_handshake_mesh_is_unreachable_and_nothing_is_ambiguous(
    faulty: FaultServer, report: OutgoingMessage
) -> None:
    # The server does not know TLS and hangs up.
    account = replace(faulty.account(SENDER), url=faulty.url.replace("http:", "https:"))

    with MeshClient(account, faulty.mesh.clock, sleep=lambda _: None) as client:
        for call in (client.handshake, client.list_inbox, lambda: client.send(report)):
            with pytest.raises(MeshUnreachable):
                call()


@pytest.mark.parametrize(
    "fault",
    [script.answers(407, script.HTML), script.answers(502, script.HTML), script.cut_before_answer],
    ids=["wants a password", "cannot connect", "breaks off"],
)
def test_a_proxy_that_lets_nobody_through_takes_no_message_and_sees_none(
    faulty: FaultServer, report: OutgoingMessage, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", faulty.url)
    faulty.plan("CONNECT", "mesh.example", *[fault] * 9)

    with (
        MeshClient(faulty.mesh.account(SENDER), faulty.mesh.clock, sleep=lambda _: None) as client,
        pytest.raises(MeshUnavailable),
    ):
        client.send(report)

    assert {each.method for each in faulty.received} == {"CONNECT"}
    assert not any("authorization" in each.headers for each in faulty.received)


def test_no_proxy_comes_between_this_machine_and_itself(
    faulty: FaultServer, report: OutgoingMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with faulty.client(SENDER) as client:
        client.send(report)

    assert len(faulty.mesh.posts) == 1


def test_a_mesh_that_goes_away_between_handshake_and_post_is_unreachable(
    mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    with FaultServer(mesh) as server, server.client(SENDER) as client:
        server.plan("POST", f"/{SENDER}$", script.adds({"connection": "close"}))
        client.handshake()
        server.stop()

        with pytest.raises(MeshUnreachable):
            client.send(report)


@pytest.mark.parametrize("fault", NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_nothing_is_posted_while_the_handshake_breaks(
    faulty: FaultServer, report: OutgoingMessage, fault: Fault
) -> None:
    faulty.plan("POST", f"/{SENDER}$", *[fault] * 4)

    with faulty.client(SENDER) as client, pytest.raises(MeshUnavailable):
        client.send(report)

    assert faulty.seen("POST", "/outbox$") == []


def test_threads_that_send_at_once_over_a_breaking_line_send_each_message_once(
    faulty: FaultServer, client: MeshClient, report: OutgoingMessage
) -> None:
    messages = [replace(report, local_id=f"a1b2.{number}") for number in range(40)]
    faults = [*catalogue.CUTS.values()] * 4
    faulty.plan("POST", "/outbox$", *faults)

    def until_delivered(message: OutgoingMessage) -> Delivery:
        look_first = False
        while True:
            try:
                return deliver(client, message, look_first=look_first)
            except MeshAmbiguous:
                look_first = True

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(until_delivered, messages))

    assert sorted(each.local_id for each in faulty.mesh.posts) == sorted(each.local_id for each in messages)
