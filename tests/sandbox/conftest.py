"""The local MESH, started once for the session and emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.clock import system_clock
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage
from tests.fakes.local_mesh import running_mesh

SENDER, RECEIVER, OTHER = "B82002OT001", "A81001OT001", "A81001OT002"
PASSWORDS = {SENDER: "password of B82002", RECEIVER: "password of A81001", OTHER: "another password"}
SHARED_KEY = "TestKey"
CONFIG: dict[str, Any] = {
    "shared_key": SHARED_KEY,
    "mailboxes": [
        {"mailbox_id": SENDER, "ods_code": "B82002", "name": "Federated practice", "password": PASSWORDS[SENDER]},
        {"mailbox_id": RECEIVER, "ods_code": "A81001", "name": "Registered practice", "password": PASSWORDS[RECEIVER]},
        {"mailbox_id": OTHER, "ods_code": "A81001", "password": PASSWORDS[OTHER], "workflows": ["PATHOLOGY"]},
    ],
    "patients": [
        {"nhs_number": "9690937278", "birth_date": "1957-01-09", "surname": "S\u00f8r\u2019en", "mailbox": RECEIVER},
        {"nhs_number": "9434765919", "birth_date": "1943-05-17", "surname": "Smith", "mailbox": None},
        {"nhs_number": "9690937286", "birth_date": "1943-05-17", "surname": "Smith", "mailbox": [RECEIVER, OTHER]},
    ],
}


class LocalMesh:
    """A running local MESH: clients for its mailboxes, and its own record."""

    def __init__(self, url: str) -> None:
        self.url = url

    def account(self, mailbox_id: str) -> MeshAccount:
        return MeshAccount(self.url, MailboxId(mailbox_id), PASSWORDS[mailbox_id], SHARED_KEY)

    def record(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = httpx.get(f"{self.url}/demo/record", trust_env=False).json()
        return entries


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMesh]:
    with running_mesh(CONFIG, tmp_path_factory.mktemp("mesh"), "--drop-workflow", "LOST") as port:
        yield LocalMesh(f"http://127.0.0.1:{port}")


@pytest.fixture
def mesh(running: LocalMesh) -> LocalMesh:
    httpx.delete(f"{running.url}/admin/reset", trust_env=False).raise_for_status()
    return running


@pytest.fixture
def sender(mesh: LocalMesh) -> Iterator[MeshClient]:
    with MeshClient(mesh.account(SENDER), system_clock) as client:
        yield client


@pytest.fixture
def receiver(mesh: LocalMesh) -> Iterator[MeshClient]:
    with MeshClient(mesh.account(RECEIVER), system_clock) as client:
        yield client


@pytest.fixture
def report() -> OutgoingMessage:
    return OutgoingMessage(
        to="GPPROVIDER_9690937278_19570109_Sor'en",
        workflow_id="GPFED_CONSULT_REPORT",
        local_id="a1b2.1",
        subject="Federated consultation report for S\u00f8r\u2019en , NHS Number 9690937278",
        body=b"<Bundle/>" * 1000,
    )
