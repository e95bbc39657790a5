"""Fixtures of the sender's tests."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federated_sender.__main__ import main
from federated_sender.pdf import PdfRenderer
from shared import log
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh
from tests.fakes.pds_server import PdsServer, make_key, running_pds
from tests.fakes.printing import ThriftyRenderer
from tests.federated_sender.bench import SenderBench, wire_sender
from tests.federated_sender.command_line import Run, settings
from tests.federated_sender.harness_world import ALDER, BIRCH, World
from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench, wire_receiver

MakeSender = Callable[..., SenderBench]


@pytest.fixture(scope="session")
def renderer() -> Iterator[PdfRenderer]:
    with ThriftyRenderer() as renderer:
        yield renderer


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox("ALDERMB1", ods_code="A81001")
    mesh.add_mailbox("BIRCHMB1", ods_code="B82002")
    mesh.register("9690937278", date(1957, 1, 9), "Smith", "BIRCHMB1")
    return mesh


@pytest.fixture
def make_sender(database_url: str, mesh: InMemoryMesh, renderer: PdfRenderer, tmp_path: Path) -> Iterator[MakeSender]:
    """Give a maker of senders; two made in one test are two processes on one database."""
    benches: list[SenderBench] = []

    def make(**changes: object) -> SenderBench:
        benches.append(wire_sender(database_url, mesh, renderer, tmp_path, **changes))
        return benches[-1]

    yield make
    for bench in benches:
        bench.database.close()


@pytest.fixture
def sender(make_sender: MakeSender) -> SenderBench:
    """Give a sender at 18:00 with the default delay of three hours."""
    return make_sender()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Give what is logged from here on."""
    stream = io.StringIO()
    log.configure("debug", "json", "federated-sender", stream)
    yield stream
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def signing_key() -> RSAPrivateKey:
    return make_key()


@pytest.fixture
def pds(mesh: InMemoryMesh, signing_key: RSAPrivateKey) -> Iterator[PdsServer]:
    """Give a PDS on loopback that lives by the clock of the mesh."""
    with running_pds(mesh.clock, signing_key) as server:
        yield server


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a runner of commands whose settings come from an env file."""
    file = tmp_path / "sender.env"
    file.write_text("\n".join(f"{k}={v}" for k, v in settings(tmp_path).items()), encoding="utf-8")

    def run(*words: object, **environ: str) -> Result:
        environment = dict.fromkeys(settings(tmp_path)) | environ
        return CliRunner().invoke(main, ["--env-file", str(file), *map(str, words)], env=environment)

    return run


@pytest.fixture
def migrated(run: Run) -> Run:
    assert run("migrate").exit_code == 0
    return run


@pytest.fixture
def world(tmp_path: Path) -> World:
    mesh = InMemoryMesh()
    mesh.add_mailbox(ALDER, ods_code="A81001")
    mesh.add_mailbox(BIRCH, ods_code="B82002")
    mesh.register("9690937278", date(1957, 1, 9), "Smith", BIRCH)
    federation = tmp_path / "federation.csv"
    federation.write_text("ods_code,name,telephone\nB82002,Birch Surgery,01632 960020\n")
    environment = {
        "PRACTICE_ODS_CODE": "A81001",
        "PRACTICE_NAME": "Alder Practice",
        "PRACTICE_TELEPHONE": "01632 960010",
        "FEDERATION_FILE": str(federation),
        "MESH_URL": "https://msg.intspineservices.nhs.uk",
        "MESH_MAILBOX_ID": ALDER,
        "MESH_MAILBOX_PASSWORD": "password",
        "MESH_SHARED_KEY": SHARED_KEY,
    }
    return World(mesh, tmp_path, environment=environment)


@pytest.fixture
def receiver(world: World, tmp_path: Path) -> Iterator[ReceiverBench]:
    """Give our own receiver at the other end, who knows Mr Smith and takes a megabyte."""
    url = f"sqlite:///{tmp_path}/receiver.sqlite3"
    bench = wire_receiver(url, world.mesh, tmp_path / "receiver", MAX_MESSAGE_SIZE="1MB")
    bench.know(INDEXED_SMITH)
    world.work = bench.once
    yield bench
    bench.receiver.close()
