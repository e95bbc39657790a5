"""What a request to MESH is for, in the words of the figures."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from shared.mesh.calls import kind_of
from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage
from shared.mesh.observer import Observer
from tests.fakes.mesh import InMemoryMesh

SENDER, RECEIVER = "ALDERMB1", "BIRCHMB1"
WORKFLOW = "GPFED_CONSULT_REPORT"


class Listening(Observer):
    def __init__(self) -> None:
        self.heard: list[tuple[str, timedelta]] = []

    def took(self, call: str, duration: timedelta) -> None:
        self.heard.append((call, duration))


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox(SENDER, ods_code="A81001")
    mesh.add_mailbox(RECEIVER, ods_code="B82002")
    return mesh


def test_every_call_of_the_client_has_a_word_and_no_word_has_an_id(mesh: InMemoryMesh, tmp_path: Path) -> None:
    observer = Listening()
    transport = mesh.transport

    with MeshClient(
        mesh.account(SENDER), mesh.clock, transport, mesh._pause, observer=observer, directory=tmp_path, chunk_size=20
    ) as client:
        whole = client.send(OutgoingMessage(SENDER, WORKFLOW, "a-report.1", "subject", b"short"))
        client.send(OutgoingMessage(SENDER, WORKFLOW, "a-report.2", "subject", bytes(range(50))))
        client.track(whole)
        client.track_local_id("a-report.1")
        for message_id in client.list_inbox():
            client.head(message_id)
            client.download(message_id, 1_000).close()
            client.acknowledge(message_id)
        client.lookup("B82002", WORKFLOW)

    assert {call for call, _ in observer.heard} == {
        "handshake",
        "send",
        "chunk_send",
        "track",
        "track_local_id",
        "list",
        "headers",
        "download",
        "chunk_download",
        "acknowledge",
        "lookup",
    }


def test_the_time_runs_from_the_request_to_the_end_of_the_answer(mesh: InMemoryMesh) -> None:
    observer = Listening()
    answer = mesh.transport.handle_request

    def slowly(request: object) -> object:
        mesh.clock.move(timedelta(seconds=7))
        return answer(request)  # type: ignore[arg-type]

    mesh.transport.handle_request = slowly  # type: ignore[method-assign,assignment]
    with MeshClient(mesh.account(SENDER), mesh.clock, mesh.transport, mesh._pause, observer=observer) as client:
        client.handshake()

    assert observer.heard == [("handshake", timedelta(seconds=7))]


def test_a_clock_that_is_set_back_makes_no_call_shorter_than_nothing(mesh: InMemoryMesh) -> None:
    observer = Listening()
    answer = mesh.transport.handle_request

    def set_back(request: object) -> object:
        mesh.clock.move(timedelta(minutes=-1))
        return answer(request)  # type: ignore[arg-type]

    mesh.transport.handle_request = set_back  # type: ignore[method-assign,assignment]
    with MeshClient(mesh.account(SENDER), mesh.clock, mesh.transport, mesh._pause, observer=observer) as client:
        client.handshake()

    assert observer.heard == [("handshake", timedelta(0))]


def test_what_the_client_never_asks_is_other() -> None:
    assert kind_of("DELETE", "/messageexchange/ALDERMB1/inbox/an-id") == "other"
