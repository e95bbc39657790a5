"""A mailbox of folders with the MESH client's stand-in at their other end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared.errors import MeshPending
from shared.identifiers import MailboxId
from shared.mesh.delivery import Delivery, deliver
from shared.mesh.messages import OutgoingMessage
from shared.mesh_folder.client import FolderClient
from shared.mesh_folder.observer import FolderObserver
from tests.fakes.mesh import InMemoryMesh, Message
from tests.fakes.mesh_folders import JavaClient

OURS, THEIRS = "ALDERMB1", "BIRCHMB1"
LOCAL_ID = "5c2f0b1e-77aa-5d0e-9f63-0a4c5e1f2b3d.1"
BODY = b"<Bundle>caf\xc3\xa9</Bundle>"


@dataclass
class Heard(FolderObserver):
    answers: int = 0
    handed: list[str] = field(default_factory=list)
    waiting: list[datetime | None] = field(default_factory=list)

    def answered(self) -> None:
        self.answers += 1

    def handed_over(self, local_id: str) -> None:
        self.handed.append(local_id)

    def waiting_since(self, at: datetime | None) -> None:
        self.waiting.append(at)


@dataclass
class Mailbox:
    mesh: InMemoryMesh
    java: JavaClient
    root: Path
    state: Path
    heard: Heard = field(default_factory=Heard)

    def open(self) -> FolderClient:
        """Return a client as a process that was just started has it."""
        return FolderClient(MailboxId(OURS), self.root, self.mesh.clock, directory=self.state, observer=self.heard)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())

    def posts(self) -> list[Message]:
        return self.mesh.posts

    def deliver(self, message: OutgoingMessage, *, look_first: bool) -> Delivery | None:
        """Do what a job does in one step; None when MESH has it not yet."""
        try:
            return deliver(self.open(), message, look_first=look_first)
        except MeshPending:
            return None


@contextmanager
def refused(call: str, refused_path: Path, code: int) -> Iterator[None]:
    """Let the operating system refuse one kind of call for one file."""
    real = getattr(os, call)

    def refuse(path: Any, *arguments: Any, **more: Any) -> Any:
        if str(path) == str(refused_path):
            raise OSError(code, os.strerror(code), "a path")
        return real(path, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, refuse)
        yield


def outgoing(**changes: object) -> OutgoingMessage:
    facts: dict[str, object] = {
        "to": THEIRS,
        "workflow_id": "GPFED_CONSULT_REPORT",
        "local_id": LOCAL_ID,
        "subject": "Federated consultation report for Smith & Søn , NHS Number 9690937278",
        "body": BODY,
    }
    return OutgoingMessage(**{**facts, **changes})  # type: ignore[arg-type]


def make_mailbox(directory: Path) -> Mailbox:
    mesh = InMemoryMesh()
    mesh.add_mailbox(OURS, ods_code="A81001")
    mesh.add_mailbox(THEIRS, ods_code="B82002")
    root, state = directory / "mesh", directory / "state"
    state.mkdir(parents=True)
    return Mailbox(mesh, JavaClient(mesh, OURS, root), root, state)
