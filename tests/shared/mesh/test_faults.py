"""Every call to MESH against everything that may go wrong on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import MeshAmbiguous, MeshError
from shared.mesh.client import MeshClient
from shared.mesh.connection import Timeouts
from shared.mesh.messages import OutgoingMessage
from tests.fakes import fault_script as script
from tests.fakes.fault_catalogue import EVERY_FAULT, HARMLESS, NONSENSE, REFUSALS, STALLS
from tests.fakes.fault_server import Fault, FaultServer
from tests.fakes.mesh import InMemoryMesh
from tests.shared.mesh.conftest import RECEIVER, SENDER

MESSAGE = OutgoingMessage(RECEIVER, "GPFED_CONSULT_REPORT", "a1b2.1", "A subject", b"<Bundle/>" * 50)
IMPATIENT = Timeouts(read=0.3, read_after_post=0.3)


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    make: Callable[[MeshClient, str], Any]


CALLS = {
    "handshake": Call("POST", f"/{SENDER}$", lambda client, _: client.handshake()),
    "list": Call("GET", r"/inbox\?", lambda client, _: client.list_inbox()),
    "head": Call("HEAD", "/inbox/", lambda client, message_id: client.head(message_id).workflow_id),
    "download": Call("GET", "/inbox/", lambda client, message_id: client.download(message_id, 100_000).body),
    "acknowledge": Call("PUT", "/acknowledged$", lambda client, message_id: client.acknowledge(message_id)),
    "track": Call("GET", r"/tracking\?", lambda client, message_id: client.track(message_id)),
    "track by local id": Call("GET", "/tracking/", lambda client, _: client.track_local_id("a1b2.0")),
    "look up": Call("GET", "/endpointlookup/", lambda client, _: client.lookup("B82002", "GPFED_CONSULT_REPORT")),
}
# These two are slow: each attempt lasts as long as the client's patience.
SLOW = {name: STALLS[name] for name in ("stalled unread", "taken and stalled in the answer")}
FAULTS = {name: fault for name, fault in EVERY_FAULT.items() if name not in STALLS}
# Each status with one kind of body; the creating POST meets them with all.
ONE_OF_EACH = ("425 json", "429 empty", "500 xml", "502 html", "503 json", "504 empty")
FOR_EVERY_CALL = {name: fault for name, fault in FAULTS.items() if name not in REFUSALS or name in ONE_OF_EACH}


@pytest.fixture(scope="module")
def faulty() -> Iterator[FaultServer]:
    mesh = InMemoryMesh()
    mesh.add_mailbox(SENDER, ods_code="B82002")
    mesh.add_mailbox(RECEIVER, ods_code="A81001")
    with FaultServer(mesh) as server:
        yield server


@pytest.fixture(scope="module")
def patient(faulty: FaultServer) -> Iterator[MeshClient]:
    with faulty.client(SENDER) as client:
        yield client


@pytest.fixture(scope="module")
def impatient(faulty: FaultServer) -> Iterator[MeshClient]:
    with faulty.client(SENDER, timeouts=IMPATIENT) as client:
        yield client


@pytest.fixture
def client(faulty: FaultServer, patient: MeshClient) -> MeshClient:
    faulty.forget_plans()
    faulty.mesh.messages.clear()
    faulty.mesh.posts.clear()
    return patient


@pytest.mark.parametrize("fault", FOR_EVERY_CALL.values(), ids=FOR_EVERY_CALL.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_nothing_but_a_mesh_error_comes_out_of_any_call(
    faulty: FaultServer, client: MeshClient, call: Call, fault: Fault
) -> None:
    message_id = faulty.mesh.put(SENDER, b"<Bundle/>" * 50, sender=SENDER)
    faulty.plan(call.method, call.path, *[fault] * 10)

    outcome = caught(lambda: call.make(client, message_id))

    assert outcome is None or isinstance(outcome, MeshError)
    if isinstance(outcome, MeshError):
        assert not isinstance(outcome, MeshAmbiguous), "only the creation of a message can be ambiguous"
        assert "Bundle" not in str(outcome)


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_call_but_the_creating_post_is_repeated_when_an_answer_does_not_come(
    faulty: FaultServer, client: MeshClient, impatient: MeshClient, call: Call, fault: Fault
) -> None:
    message_id = faulty.mesh.put(SENDER, b"<Bundle/>" * 50, sender=SENDER)
    if call is CALLS["track by local id"]:
        client.send(replace(MESSAGE, local_id="a1b2.0"))
    faulty.plan(call.method, call.path, fault)

    assert caught(lambda: call.make(impatient, message_id)) is None


TROUBLES = {name: fault for name, fault in FOR_EVERY_CALL.items() if name not in NONSENSE}


@pytest.mark.parametrize("fault", TROUBLES.values(), ids=TROUBLES.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_call_but_the_creating_post_gets_over_a_passing_trouble(
    faulty: FaultServer, client: MeshClient, call: Call, fault: Fault
) -> None:
    message_id = faulty.mesh.put(SENDER, b"<Bundle/>" * 50, sender=SENDER)
    if call is CALLS["track by local id"]:
        client.send(replace(MESSAGE, local_id="a1b2.0"))
    wanted = call.make(client, message_id)
    before = len(faulty.seen(call.method, call.path))
    faulty.plan(call.method, call.path, fault, fault)

    outcome = call.make(client, message_id)

    assert outcome == wanted
    assert len(faulty.seen(call.method, call.path)) == before + 3


@pytest.mark.parametrize("fault", HARMLESS.values(), ids=HARMLESS.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_an_answer_in_an_unusual_form_is_understood_at_once(
    faulty: FaultServer, client: MeshClient, call: Call, fault: Fault
) -> None:
    message_id = faulty.mesh.put(SENDER, b"<Bundle/>" * 50, sender=SENDER)
    wanted = call.make(client, message_id)
    before = len(faulty.seen(call.method, call.path))
    faulty.plan(call.method, call.path, *[fault] * 4)

    assert call.make(client, message_id) == wanted
    assert len(faulty.seen(call.method, call.path)) == before + 1


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_message_is_posted_once_and_what_comes_out_of_it_is_true(
    faulty: FaultServer, client: MeshClient, fault: Fault
) -> None:
    client.handshake()
    before = len(faulty.seen("POST", "/outbox$"))
    faulty.plan("POST", "/outbox$", fault)
    ids: list[str] = []

    outcome = caught(lambda: ids.append(client.send(MESSAGE)))

    assert len(faulty.seen("POST", "/outbox$")) == before + 1
    assert outcome is None or isinstance(outcome, MeshError)
    if outcome is None:
        assert [each.message_id for each in faulty.mesh.posts] == ids
    elif not isinstance(outcome, MeshAmbiguous):
        assert faulty.mesh.posts == []


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4)


@pytest.mark.parametrize("call", [*CALLS.values(), Call("POST", "/outbox$", lambda client, _: client.send(MESSAGE))])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(CHANGES)
def test_no_garbled_answer_brings_anything_but_a_mesh_error(
    faulty: FaultServer, patient: MeshClient, call: Call, changes: list[tuple[float, bytes]]
) -> None:
    faulty.forget_plans()
    message_id = faulty.mesh.put(SENDER, b"<Bundle/>" * 50, sender=SENDER)
    faulty.plan(call.method, call.path, *[script.garbles(*changes)] * 9)

    outcome = caught(lambda: call.make(patient, message_id))

    assert outcome is None or isinstance(outcome, MeshError)


def caught(call: Callable[[], object]) -> BaseException | None:
    try:
        call()
    except BaseException as error:  # noqa: BLE001
        return error
    return None
