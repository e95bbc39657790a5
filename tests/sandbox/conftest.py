"""The local MESH and NHS England's mesh-sandbox as published, started once and emptied before each test."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.clock import system_clock
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage
from tests.fakes.local_mesh import running_mesh
from tests.sandbox.authority import Authority

SENDER, RECEIVER, OTHER = "B82002OT001", "A81001OT001", "A81001OT002"
PASSWORDS = {SENDER: "password of B82002", RECEIVER: "password of A81001", OTHER: "another password"}
SHARED_KEY = "TestKey"
BODY = b"<Bundle/>" * 1000
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
        body=BODY,
    )


PUBLISHED = ("X26ABC1", "X26ABC2", "X26ABC3")
SCRIPT = Path(__file__).with_name("serve_published.py")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


class PublishedMesh:
    """NHS England's mesh-sandbox with mutual TLS; ``data`` has its files when it keeps any."""

    def __init__(self, authority: Authority, directory: Path, store: str) -> None:
        self.store = store
        self.data = directory / "data"
        self.server = authority.issue("server", "localhost")
        self.own = authority.issue("x26abc1.x26.api.mesh-client.example", "x26abc1.x26.api.mesh-client.example")
        self.authority_file = authority.file
        self.port = 0
        self.empty_directory()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        directory = str(self.data)
        return {
            "AUTH_MODE": "full",
            "SHARED_KEY": SHARED_KEY,
            "STORE_MODE": self.store,
            "MAILBOXES_DATA_DIR": directory,
        }

    def account(self, mailbox_id: str = PUBLISHED[0]) -> MeshAccount:
        return MeshAccount(
            self.url,
            MailboxId(mailbox_id),
            "password",
            SHARED_KEY,
            client_cert_file=self.own.certificate,
            client_key_file=self.own.key,
            ca_file=self.authority_file,
        )

    def client(self, mailbox_id: str = PUBLISHED[0], **more: Any) -> MeshClient:
        return MeshClient(self.account(mailbox_id), system_clock, sleep=lambda _: None, **more)

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority_file)
        context.load_cert_chain(self.own.certificate, self.own.key)
        return context

    def admin(self, method: str, path: str, document: dict[str, Any] | None = None) -> httpx.Response:
        """Ask for what only the sandbox offers."""
        with httpx.Client(base_url=self.url, verify=self.context(), trust_env=False) as raw:
            return raw.request(method, path, json=document).raise_for_status()

    def report_about(self, message_id: str, status: str, code: str, text: str) -> str:
        """Put a REPORT about a message of the first mailbox into its inbox; returns the report's id."""
        wish = {"mailbox_id": PUBLISHED[0], "status": status, "code": code, "description": text}
        original = {"workflow_id": "TEST_WORKFLOW", "subject": "A subject", "local_id": "a1b2.1"}
        answer = self.admin(
            "POST", "/messageexchange/admin/report", {**wish, **original, "linked_message_id": message_id}
        )
        report_id: str = answer.json()["message_id"]
        return report_id

    def empty_directory(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        for mailbox_id in PUBLISHED:
            (self.data / mailbox_id).mkdir(parents=True)


@pytest.fixture(scope="session", params=["memory", "file"])
def running_published(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PublishedMesh]:
    directory = tmp_path_factory.mktemp("published")
    mesh = PublishedMesh(authority, directory, request.param)
    certificate: list[str | Path] = ["--certificate", mesh.server.certificate, "--key", mesh.server.key]
    mutual: list[str | Path] = ["--client-ca", authority.file]
    config = {"environment": mesh.environment}
    with running_mesh(config, directory, *certificate, *mutual, script=SCRIPT) as mesh.port:
        yield mesh


@pytest.fixture
def published(running_published: PublishedMesh) -> PublishedMesh:
    running_published.empty_directory()
    running_published.admin("DELETE", "/admin/reset")
    return running_published
