"""Certificates that are replaced while the client works."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.certificates import Expiry
from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage
from shared.mesh.observer import Observer
from shared.mesh.renewal import Connections
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import InMemoryMesh
from tests.sandbox.authority import Authority, Files
from tests.shared.mesh.conftest import SENDER

MORE_THAN_A_LOOK = timedelta(seconds=6)


class Recorder(Observer):
    def __init__(self) -> None:
        self.changes = 0
        self.faults: list[str] = []
        self.expiries: list[Sequence[Expiry]] = []

    def certificates_changed(self) -> None:
        self.changes += 1

    def certificates_unusable(self, error: str) -> None:
        self.faults.append(error)

    def certificates_expire(self, expiries: Sequence[Expiry]) -> None:
        self.expiries.append(expiries)


@dataclass
class Installation:
    """The files that an account names, replaced as an operator would."""

    directory: Path
    recorder: Recorder = field(default_factory=Recorder)
    clock: MovableClock = field(default_factory=MovableClock)

    def __post_init__(self) -> None:
        self.authority = Authority(self.directory, "ca")
        self.files = Files(self.directory / "client.pem", self.directory / "client.key")
        self.install(self.issue("first"))

    def issue(self, name: str) -> Files:
        return self.authority.issue(name, "own.example")

    def install(self, files: Files, *, key: bool = True) -> None:
        shutil.copy(files.certificate, self.files.certificate)
        if key:
            shutil.copy(files.key, self.files.key)

    def account(self, url: str = "https://mesh.example") -> MeshAccount:
        return MeshAccount(
            url, MailboxId(SENDER), "password", "TestKey", self.files.certificate, self.files.key, self.authority.file
        )

    def wait(self) -> None:
        self.clock.move(MORE_THAN_A_LOOK)


@dataclass(eq=False)
class Line:
    """Stands for a connection: whether it is open."""

    is_open: bool = True

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def connections(installation: Installation, *lines: Line | Exception) -> Connections:
    prepared = list(lines)

    def connect() -> Line:
        line = prepared.pop(0)
        if isinstance(line, Exception):
            raise line
        return line

    return Connections(installation.account(), installation.clock, connect, installation.recorder)  # type: ignore[arg-type]


def test_without_a_change_the_connection_stays(installation: Installation) -> None:
    only = Line()
    lines = connections(installation, only)

    for _ in range(3):
        with lines.current() as line:
            assert line is only
        installation.wait()

    assert installation.recorder.changes == 0


def test_new_files_are_taken_into_use_and_the_former_connection_is_closed(installation: Installation) -> None:
    former, new = Line(), Line()
    lines = connections(installation, former, new)

    installation.install(installation.issue("second"))
    installation.wait()
    with lines.current() as line:
        assert line is new

    assert not former.is_open
    assert installation.recorder.changes == 1


def test_a_running_call_finishes_on_the_connection_that_it_began_with(installation: Installation) -> None:
    former, new = Line(), Line()
    lines = connections(installation, former, new)

    with lines.current() as running, lines.current() as another:
        installation.install(installation.issue("second"))
        with lines.current(look=True) as line:
            assert line is new
        assert running is another is former
        assert former.is_open

    assert not former.is_open
    assert new.is_open


def test_the_files_are_looked_at_every_few_seconds_and_before_a_handshake(installation: Installation) -> None:
    former, new = Line(), Line()
    lines = connections(installation, former, new)
    installation.install(installation.issue("second"))

    with lines.current() as too_early:
        assert too_early is former
    with lines.current(look=True) as asked:
        assert asked is new


def test_a_clock_that_was_set_back_does_not_stop_the_looking(installation: Installation) -> None:
    lines = connections(installation, Line(), new := Line())
    installation.install(installation.issue("second"))

    installation.clock.move(timedelta(days=-3))

    with lines.current() as line:
        assert line is new


def test_files_that_cannot_be_used_are_told_of_once_tried_again_and_change_nothing(installation: Installation) -> None:
    former, new = Line(), Line()
    unusable = ConfigurationError([])
    lines = connections(installation, former, unusable, unusable, new)
    installation.install(installation.issue("second"), key=False)

    for _ in range(2):
        installation.wait()
        with lines.current() as line:
            assert line is former
    installation.wait()
    with lines.current() as line:
        assert line is new

    assert len(installation.recorder.faults) == 1
    assert installation.recorder.changes == 1


def test_a_half_replaced_certificate_keeps_the_client_working_with_the_former_one(installation: Installation) -> None:
    mesh = InMemoryMesh(installation.clock)
    mesh.add_mailbox(SENDER)
    with MeshClient(
        installation.account(), installation.clock, mesh.transport, observer=installation.recorder
    ) as client:
        second = installation.issue("second")
        installation.install(second, key=False)
        installation.wait()
        client.list_inbox()
        faults = list(installation.recorder.faults)
        installation.install(second)
        installation.wait()
        client.list_inbox()

    assert [fault.partition(":")[0] for fault in faults] == ["MESH_CLIENT_CERT_FILE"]
    assert installation.recorder.changes == 1


def test_nothing_is_posted_with_a_new_certificate_before_it_shook_hands(
    installation: Installation, report: OutgoingMessage
) -> None:
    mesh = InMemoryMesh(installation.clock)
    mesh.add_mailbox(SENDER)
    with MeshClient(
        installation.account(), installation.clock, mesh.transport, observer=installation.recorder
    ) as client:
        message = OutgoingMessage(SENDER, report.workflow_id, report.local_id, "", report.body)
        client.send(message)
        installation.install(installation.issue("second"))
        installation.wait()
        client.send(message)

    assert [path.partition(SENDER)[2] for _, path in mesh.requests] == ["", "/outbox", "", "/outbox"]


def test_the_ends_of_the_certificates_are_told_at_every_handshake(installation: Installation) -> None:
    mesh = InMemoryMesh(installation.clock)
    mesh.add_mailbox(SENDER)
    with MeshClient(
        installation.account(), installation.clock, mesh.transport, observer=installation.recorder
    ) as client:
        client.shake_hands_daily()
        client.shake_hands_daily()
        installation.clock.move(timedelta(days=1))
        client.shake_hands_daily()

    assert installation.recorder.expiries == [client.certificate_expiries()] * 2
