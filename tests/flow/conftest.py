"""Fixtures of the tests in which both daemons take part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from federated_sender.pdf import PdfRenderer
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.printing import ThriftyRenderer
from tests.flow import bench
from tests.flow.bench import Flow
from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench

Wire = Callable[..., Flow]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the documents on PostgreSQL out, but for tests of their own: a message does not depend on the database."""
    taken = [item for item in items if _is_repetition(item)]
    if taken:
        config.hook.pytest_deselected(items=taken)
        items[:] = [item for item in items if item not in taken]


def _is_repetition(item: pytest.Item) -> bool:
    params = getattr(getattr(item, "callspec", None), "params", {})
    own = any("payload" in mark.args[0] for mark in item.iter_markers("parametrize"))
    return not own and (params.get("payload"), params.get("database_url")) == ("document", "postgresql")


@pytest.fixture(params=["task", "document"])
def payload(request: pytest.FixtureRequest) -> str:
    """Give the name of what the sender sends, one of ``bench.PAYLOADS``."""
    return str(request.param)


@pytest.fixture(scope="session")
def renderer() -> Iterator[PdfRenderer]:
    with ThriftyRenderer() as renderer:
        yield renderer


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    for ods_code, mailbox_id in bench.MAILBOXES.items():
        mesh.add_mailbox(mailbox_id, ods_code=ods_code)
    mesh.register("9690937278", date(1957, 1, 9), "Smith", "BIRCHMB1")
    return mesh


@pytest.fixture
def make_receiver(database_url: str, mesh: InMemoryMesh, tmp_path: Path) -> Iterator[Callable[[str], ReceiverBench]]:
    """Give a maker of receivers by the practice's ODS code.

    Birch's shares one PostgreSQL database with the sender (decision 37); any other practice has one of its own.
    """
    made: list[ReceiverBench] = []

    def make(ods_code: str) -> ReceiverBench:
        shares = ods_code == "B82002" and database_url.startswith("postgresql")
        url = database_url if shares else f"sqlite:///{tmp_path}/receiver-{ods_code}.sqlite3"
        made.append(bench.wire_receiver(url, mesh, tmp_path / f"receiver-{ods_code}", ods_code))
        return made[-1]

    yield make
    for each in made:
        each.receiver.close()


@pytest.fixture
def wire(
    database_url: str,
    mesh: InMemoryMesh,
    renderer: PdfRenderer,
    make_receiver: Callable[[str], ReceiverBench],
    tmp_path: Path,
    payload: str,
) -> Iterator[Wire]:
    """Give a maker of flows; several of one test are several processes on the same databases."""
    made: list[Flow] = []

    def make() -> Flow:
        sender = bench.wire_sender(database_url, mesh, renderer, tmp_path / "sender", payload)
        made.append(Flow(mesh, sender, make_receiver("B82002"), bench.listen()))
        return made[-1]

    yield make
    for each in made:
        each.sender.database.close()


@pytest.fixture
def flow(wire: Wire) -> Flow:
    """Give Alder's sender and Birch's receiver, who knows Mr Smith, at 18:00."""
    flow = wire()
    flow.receiver.know(INDEXED_SMITH)
    return flow
