"""Fixtures of the web tests: the receiver's pages stand for those of both daemons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registered_receiver.app import Receiver
from registered_receiver.settings import ReceiverSettings
from registered_receiver.web.site import site as receiver_site
from shared.config import load
from shared.web.site import Site
from tests.fakes.databases import migrate
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh
from tests.registered_receiver.bench import US, ReceiverBench
from tests.shared.web.browsing import hash_hastily

MakeBench = Callable[..., ReceiverBench]


@pytest.fixture(autouse=True)
def hasty_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let argon2 take little time and memory: how much it takes has a test of its own."""
    hash_hastily(monkeypatch)


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[MakeBench]:
    """Give a maker of receivers over SQLite and without a MESH client: pages need neither more."""
    benches: list[ReceiverBench] = []

    def make(url: str = "", **changes: str) -> ReceiverBench:
        mesh = InMemoryMesh()
        settings = {
            "STATE_DIRECTORY": str(tmp_path),
            "DATABASE_URL": url or f"sqlite:///{tmp_path}/web.sqlite3",
            "PRACTICE_ODS_CODE": "B82002",
            "MESH_URL": "https://mesh.example",
            "MESH_MAILBOX_ID": US,
            "MESH_MAILBOX_PASSWORD": "password",
            "MESH_SHARED_KEY": SHARED_KEY,
        } | changes
        receiver = Receiver(load(ReceiverSettings, settings), clock=mesh.clock)
        migrate(receiver.database)
        benches.append(ReceiverBench(mesh, receiver, settings))
        benches[-1]._log_here()
        return benches[-1]

    yield make
    for bench in benches:
        bench.receiver.close()


@pytest.fixture
def bench(make_bench: MakeBench) -> ReceiverBench:
    return make_bench()


@pytest.fixture
def site(bench: ReceiverBench) -> Site[Receiver]:
    return receiver_site(bench.receiver)


@pytest.fixture
def each_bench(make_bench: MakeBench, database_url: str) -> ReceiverBench:
    """Give a receiver over SQLite, and one over PostgreSQL."""
    return make_bench(database_url)
