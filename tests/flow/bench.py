"""Two practices over one in-memory MESH, wired as their command lines wire them, with one clock that a test moves."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federated_sender.app import Sender
from federated_sender.pdf import PdfRenderer
from federated_sender.settings import SenderSettings
from registered_receiver.app import Receiver
from registered_receiver.settings import ReceiverSettings
from shared import log
from shared.config import load
from shared.mesh.client import MeshClient
from shared.mesh.observer import Observer
from tests.fakes.databases import migrate
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh
from tests.federated_sender.bench import ALDER, BIRCH, SenderBench
from tests.registered_receiver.bench import ReceiverBench

FEDERATION = "ods_code,name,telephone\n" + "".join(
    f"{practice.ods_code},{practice.name},{practice.telephone}\n" for practice in (ALDER, BIRCH)
)
MAILBOXES = {"A81001": "ALDERMB1", "B82002": "BIRCHMB1"}
PAYLOADS = {
    "task": {},
    "document": {"PAYLOAD": "document"},
    "document 1.3": {"PAYLOAD": "document", "MESH_WORKFLOW_ID": "GPFED_CONSULT_REPORT"},
}
"""What the sender is told to send, as settings."""


class Answered(Observer):
    """Passes good answers on."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def answered(self) -> None:
        self._tell()


@dataclass
class Flow:
    """A sender and a receiver, MESH between them, and what both logged."""

    mesh: InMemoryMesh
    sender: SenderBench
    receiver: ReceiverBench
    logged: io.StringIO

    def pass_time(self, **duration: float) -> None:
        self.sender.pass_time(**duration)

    def exchange(self) -> None:
        """Let each daemon do what is due, until an answer has had the time to come back."""
        for _ in range(2):
            self.sender.once()
            self.receiver.once()
        self.sender.once()

    def state(self, version: int = 1) -> tuple[str, str | None, str | None]:
        """Return the state, the infrastructure and the business code of one version, as the sender knows them."""
        (report,) = [row for row in self.sender.status() if row["version"] == version]
        return report["state"], report["infrastructure_code"], report["business_code"]

    def lines(self, *events: str) -> list[dict[str, Any]]:
        """Return the log lines of these events."""
        found = (json.loads(line) for line in self.logged.getvalue().splitlines())
        return [line for line in found if line["event"] in events]

    def left_in_mesh(self) -> list[str]:
        """Return the workflows and types of what lies in any mailbox."""
        waiting = [message for mailbox in MAILBOXES.values() for message in self.mesh.inbox(mailbox)]
        return [f"{message.message_type} {message.workflow_id}" for message in waiting]


def wire_sender(
    database_url: str,
    mesh: InMemoryMesh,
    renderer: PdfRenderer,
    directory: Path,
    payload: str = "task",
    ods_code: str = "A81001",
) -> SenderBench:
    """Wire the sender of a practice."""
    directory.mkdir(exist_ok=True)
    federation = directory / "federation.csv"
    federation.write_text(FEDERATION)
    environment = _environment(database_url, directory, ods_code) | {
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": str(federation),
    }
    environment |= PAYLOADS[payload]
    client = _client(mesh, ods_code, lambda: sender.outage.over())
    sender = Sender(load(SenderSettings, environment), clock=mesh.clock, mesh=client)
    sender.renderer = renderer
    migrate(sender.database)
    return SenderBench(mesh, sender.database, sender.intake, tuple(sender.jobs()), sender.rounds(), directory)


def wire_receiver(database_url: str, mesh: InMemoryMesh, directory: Path, ods_code: str = "B82002") -> ReceiverBench:
    """Wire the receiver of a practice."""
    directory.mkdir(exist_ok=True)
    environment = _environment(database_url, directory, ods_code)
    client = _client(mesh, ods_code, lambda: receiver.outage.over())
    receiver = Receiver(load(ReceiverSettings, environment), clock=mesh.clock, mesh=client)
    migrate(receiver.database)
    return ReceiverBench(mesh, receiver, environment)


def listen() -> io.StringIO:
    """Send the log lines of every daemon of this process to the text that is returned."""
    logged = io.StringIO()
    log.configure("debug", "json", "both", logged)
    return logged


def _client(mesh: InMemoryMesh, ods_code: str, answered: Callable[[], None]) -> MeshClient:
    account = mesh.account(MAILBOXES[ods_code])
    return MeshClient(account, mesh.clock, mesh.transport, mesh._pause, observer=Answered(answered))


def _environment(database_url: str, directory: Path, ods_code: str) -> dict[str, str]:
    return {
        "STATE_DIRECTORY": str(directory),
        "DATABASE_URL": database_url,
        "PRACTICE_ODS_CODE": ods_code,
        "MESH_URL": "https://mesh.example",
        "MESH_MAILBOX_ID": MAILBOXES[ods_code],
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": SHARED_KEY,
    }
