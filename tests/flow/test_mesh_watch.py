"""Both daemons, wired as they run, hear what their MESH client observes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from registered_receiver.app import Receiver
from registered_receiver.settings import ReceiverSettings
from shared.config import load
from tests.fakes.clock import MovableClock
from tests.fakes.fault_server import FaultServer
from tests.fakes.mesh import InMemoryMesh
from tests.flow.bench import listen

MAILBOX = "ALDERMB1"
OFF = timedelta(minutes=40)
Daemon = Sender | Receiver


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox(MAILBOX)
    return mesh


@pytest.fixture
def environment(mesh: InMemoryMesh, database_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    federation = tmp_path / "federation.csv"
    federation.write_text("ods_code,name,telephone\nA81001,Alder Practice,01632 960010\n")
    with FaultServer(mesh) as server:
        account = server.account(MAILBOX)
        yield {
            "STATE_DIRECTORY": str(tmp_path),
            "DATABASE_URL": database_url,
            "PRACTICE_ODS_CODE": "A81001",
            "PRACTICE_NAME": "Alder Practice",
            "PRACTICE_TELEPHONE": "01632 960010",
            "PRACTICE_EMAIL": "alder@practice.example",
            "PRACTICE_TOWN": "Carlisle",
            "FEDERATION_FILE": str(federation),
            "MESH_URL": account.url,
            "MESH_MAILBOX_ID": MAILBOX,
            "MESH_MAILBOX_PASSWORD": account.password,
            "MESH_SHARED_KEY": account.shared_key,
        }


@pytest.fixture(params=["sender", "receiver"])
def daemon(request: pytest.FixtureRequest, mesh: InMemoryMesh, environment: dict[str, str]) -> Iterator[Daemon]:
    clock = MovableClock(mesh.clock() + OFF)
    daemon: Daemon = (
        Sender(load(SenderSettings, environment), clock=clock)
        if request.param == "sender"
        else Receiver(load(ReceiverSettings, environment), clock=clock)
    )
    daemon.database.migrate()
    yield daemon
    daemon.close()


def test_a_daemon_whose_clock_is_far_off_says_so_and_goes_on_until_it_is_set(
    daemon: Daemon, mesh: InMemoryMesh
) -> None:
    assert isinstance(mesh.clock, MovableClock)
    logged = listen()
    collect = next(job for job in daemon.jobs() if job.name == "collect")

    collect.step()
    collect.step()
    off = open_alerts(daemon)
    mesh.clock.move(OFF)
    collect.step()

    assert off == ["clock_off"]
    assert open_alerts(daemon) == []
    assert logged.getvalue().count('"mesh.clock_off"') == 1


def test_a_daemon_shakes_hands_at_the_start_although_nothing_is_sent(daemon: Daemon, mesh: InMemoryMesh) -> None:
    next(job for job in daemon.jobs() if job.name == "collect").step()

    assert mesh.requests[0] == ("POST", f"/messageexchange/{MAILBOX}")


def test_what_a_daemon_downloads_lies_in_its_state_directory(daemon: Daemon, environment: dict[str, str]) -> None:
    assert daemon.mesh._directory == environment["STATE_DIRECTORY"]


def open_alerts(daemon: Daemon) -> list[str]:
    with daemon.database.snapshot() as session:
        return [alert.kind for alert in daemon.alerts.listing(session) if alert.closed_at is None]
