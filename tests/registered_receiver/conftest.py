"""Fixtures of the receiver's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.fakes.mesh import InMemoryMesh
from tests.registered_receiver.bench import INDEXED_SMITH, THEM, US, ReceiverBench, wire_receiver

MakeReceiver = Callable[..., ReceiverBench]


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox(THEM, ods_code="A81001")
    mesh.add_mailbox(US, ods_code="B82002")
    mesh.register("9690937278", date(1957, 1, 9), "Smith", US)
    return mesh


@pytest.fixture
def make_receiver(database_url: str, mesh: InMemoryMesh, tmp_path: Path) -> Iterator[MakeReceiver]:
    """Give a maker of receivers; two made in one test are two processes on one database."""
    benches: list[ReceiverBench] = []

    def make(**changes: str) -> ReceiverBench:
        benches.append(wire_receiver(database_url, mesh, tmp_path, **changes))
        return benches[-1]

    yield make
    for bench in benches:
        bench.receiver.close()


@pytest.fixture
def receiver(make_receiver: MakeReceiver) -> ReceiverBench:
    """Give a receiver that knows Mr Smith, at 18:00."""
    bench = make_receiver()
    bench.know(INDEXED_SMITH)
    return bench
