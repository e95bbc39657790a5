"""Every question that the daemons ask in each round finds its rows by an index, however many are finished."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from benchmarks import filled, plans
from federated_sender.backlog import backlog
from shared.db import Database
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.printing import ThriftyRenderer
from tests.federated_sender.bench import consultation, wire_sender
from tests.registered_receiver.bench import INDEXED_SMITH, report, wire_receiver

ROWS = 3_000
# once a day, and bounded by what is kept
SELDOM = {"prune"}


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox("ALDERMB1", ods_code="A81001")
    mesh.add_mailbox("BIRCHMB1", ods_code="B82002")
    mesh.register("9690937278", report().patient.birth_date, "Smith", "BIRCHMB1")
    return mesh


def going_through_tables(database: Database, tables: tuple[str, ...], *steps: Callable[[], object]) -> set[str]:
    """Return which of the full tables some statement of ``steps`` goes through from end to end, with the statement."""
    full = {table.split()[0] for table in tables}
    with plans.listening(database.engine) as heard:
        for step in steps:
            step()
    asked = {statement.text: statement for statement in heard}.values()
    return {
        f"{table}: {statement.text}"
        for statement in asked
        for table in plans.scanned(database, statement)
        if table in full
    }


def looking(database: Database, look: Callable[[Session], object]) -> None:
    """Ask what the heartbeat asks."""
    with database.snapshot() as session:
        look(session)


def test_no_round_of_the_sender_goes_through_a_table(database_url: str, mesh: InMemoryMesh, tmp_path: Path) -> None:
    with ThriftyRenderer() as renderer:
        sender = wire_sender(database_url, mesh, renderer, tmp_path)
        filled.fill(sender.database, filled.SENDER, ROWS)
        sender.enqueue(consultation())
        sender.pass_time(hours=4)
        sender.once()
        sender.respond("20013")
        look = partial(looking, sender.database, lambda session: backlog(session, sender.now()))

        found = going_through_tables(
            sender.database, filled.SENDER, *(job.step for _ in range(2) for job in sender.jobs), look
        )
        sender.database.close()

    assert found == set()


def test_no_round_of_the_receiver_goes_through_a_table(database_url: str, mesh: InMemoryMesh, tmp_path: Path) -> None:
    receiver = wire_receiver(database_url, mesh, tmp_path)
    receiver.know(INDEXED_SMITH)
    filled.fill(receiver.database, filled.RECEIVER, ROWS)
    receiver.deliver(report())
    jobs = [job for job in receiver.receiver.jobs() if job.name not in SELDOM]
    look = partial(looking, receiver.database, receiver.receiver.backlog)

    found = going_through_tables(
        receiver.database, filled.RECEIVER, look, *(job.step for _ in range(2) for job in jobs)
    )
    receiver.receiver.close()

    assert found == set()


def test_the_oldest_message_is_found_without_sorting_what_waits(mesh: InMemoryMesh, tmp_path: Path) -> None:
    receiver = wire_receiver(f"sqlite:///{tmp_path}/receiver.sqlite3", mesh, tmp_path)
    receiver.deliver(report())
    receiver.step("collect")
    with plans.listening(receiver.database.engine) as heard:
        receiver.step("process")
    claim = next(each for each in heard if "ORDER BY message.received_at" in each.text)

    plan = plans.plan(receiver.database, claim)
    receiver.receiver.close()

    # what is sorted is copied, and goes to a file of SQLite's own choice when it is large
    assert any("ix_message_due" in line for line in plan)
    assert "message_body" not in claim.text
    assert not [line for line in plan if line.endswith("TEMP B-TREE FOR ORDER BY")]
