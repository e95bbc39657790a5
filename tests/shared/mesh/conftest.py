"""Two mailboxes on a MESH in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage
from tests.fakes.fault_server import FaultServer
from tests.fakes.mesh import InMemoryMesh

SENDER, RECEIVER = "B82002OT001", "A81001OT001"


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox(SENDER, ods_code="B82002")
    mesh.add_mailbox(RECEIVER, ods_code="A81001")
    mesh.register("9690937278", date(1957, 1, 9), "Smith", RECEIVER)
    return mesh


@pytest.fixture
def sender(mesh: InMemoryMesh) -> Iterator[MeshClient]:
    with mesh.client(SENDER) as client:
        yield client


@pytest.fixture
def receiver(mesh: InMemoryMesh) -> Iterator[MeshClient]:
    with mesh.client(RECEIVER) as client:
        yield client


@pytest.fixture
def faulty(mesh: InMemoryMesh) -> Iterator[FaultServer]:
    with FaultServer(mesh) as server:
        yield server


@pytest.fixture
def report() -> OutgoingMessage:
    return OutgoingMessage(
        to="GPPROVIDER_9690937278_19570109_Smith",
        workflow_id="GPFED_CONSULT_REPORT",
        local_id="a1b2.1",
        subject="Federated consultation report for Mr Richard Smith , NHS Number 9690937278",
        body=b"<Bundle/>",
    )
