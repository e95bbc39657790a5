"""What a message costs that can be counted: it must not grow unnoticed. Times are never asserted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from sqlalchemy import event

from federated_sender.pdf import PdfRenderer
from shared.db import Database
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.printing import ThriftyRenderer
from tests.federated_sender.bench import SenderBench, consultation, wire_sender
from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench, report, wire_receiver

COUNTS = Path(__file__).with_name("counts.json")
MESSAGES = 5
# what looks for work every few seconds or minutes; the poll itself keeps whose turn it is
IDLE = {"intake", "send", "follow", "track", "chase", "process", "reply"}


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox("ALDERMB1", ods_code="A81001")
    mesh.add_mailbox("BIRCHMB1", ods_code="B82002")
    mesh.register("9690937278", report().patient.birth_date, "Smith", "BIRCHMB1")
    return mesh


@pytest.fixture
def sender(database_url: str, mesh: InMemoryMesh, renderer: PdfRenderer, tmp_path: Path) -> Iterator[SenderBench]:
    (tmp_path / "sender").mkdir()
    bench = wire_sender(database_url, mesh, renderer, tmp_path / "sender")
    yield bench
    bench.database.close()


@pytest.fixture
def receiver(database_url: str, mesh: InMemoryMesh, tmp_path: Path) -> Iterator[ReceiverBench]:
    # on PostgreSQL both share one database; on SQLite each has its own
    url = database_url.replace("state.sqlite3", "receiver.sqlite3")
    bench = wire_receiver(url, mesh, tmp_path)
    bench.know(INDEXED_SMITH)
    yield bench
    bench.receiver.close()


@pytest.fixture(scope="session")
def renderer() -> Iterator[PdfRenderer]:
    with ThriftyRenderer() as renderer:
        yield renderer


@contextmanager
def counting(database: Database, mesh: InMemoryMesh) -> Iterator[Counter[str]]:
    """Count what is done within the ``with``, for each of the messages."""
    counts: Counter[str] = Counter()
    calls = len(mesh.requests)
    before = written(database)

    def statement(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        counts["queries"] += not text.startswith(("BEGIN", "COMMIT"))

    def commit(connection: Any) -> None:
        counts["commits"] += not connection.get_execution_options().get("reading", False)

    event.listen(database.engine, "before_cursor_execute", statement)
    event.listen(database.engine, "commit", commit)
    try:
        yield counts
    finally:
        event.remove(database.engine, "before_cursor_execute", statement)
        event.remove(database.engine, "commit", commit)
    counts["HTTP calls"] = len(mesh.requests) - calls
    counts["bytes written"] = written(database) - before


def written(database: Database) -> int:
    """Return how much was written to a SQLite database that nobody tidied up yet; PostgreSQL writes for all at once."""
    log = Path(f"{database.engine.url.database}-wal")
    return log.stat().st_size if log.exists() else 0


def assert_not_grown(what: str, database: Database, counts: Counter[str]) -> None:
    known = json.loads(COUNTS.read_text())[what][database.engine.dialect.name]
    found = {name: -(-number // MESSAGES) for name, number in counts.items()}
    # on which page of the database a row comes to lie depends on ids that are drawn by chance
    room = {"bytes written": 1.1}
    grown = {
        name: f"{number}, was {known[name]}"
        for name, number in found.items()
        if number > known[name] * room.get(name, 1)
    }
    assert not grown, f"{what}, for each message: {grown}. Find out why; if it must be so, say so in {COUNTS.name}"


def test_what_sending_a_report_costs_has_not_grown(sender: SenderBench, mesh: InMemoryMesh) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    for number in range(MESSAGES):
        sender.enqueue(consultation(consultation_id=str(uuid5(NAMESPACE_URL, str(number)))))
    sender.pass_time(hours=4)

    with counting(sender.database, mesh) as counts:
        sender.once()

    assert len(sender.posts()) == 1 + MESSAGES
    assert_not_grown("sending", sender.database, counts)


def test_what_receiving_a_report_costs_has_not_grown(receiver: ReceiverBench, mesh: InMemoryMesh) -> None:
    receiver.deliver(report())
    receiver.once()
    for number in range(MESSAGES):
        another = str(uuid5(NAMESPACE_URL, str(number)))
        receiver.deliver(replace(report(), report_id=another, consultation_id=another))

    with counting(receiver.database, mesh) as counts:
        receiver.once()

    assert len(receiver.posts()) == 2 * (1 + MESSAGES)
    assert_not_grown("receiving", receiver.database, counts)


def test_a_look_for_work_that_finds_none_writes_nothing(sender: SenderBench, receiver: ReceiverBench) -> None:
    sender.once()
    receiver.once()
    before = written(sender.database), written(receiver.database)

    done = [job.step() for job in (*sender.jobs, *receiver.receiver.jobs()) if job.name in IDLE]

    assert len(done) >= len(IDLE)
    assert set(done) == {0}
    assert (written(sender.database), written(receiver.database)) == before
