"""Databases of every schema that there ever was, with rows in every table, are upgraded, and both daemons go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, column, delete, insert, inspect, select, table, text

import federated_sender
from federated_sender import deletion, ledger, routing
from federated_sender.outbox_tables import OutboxRow
from federated_sender.pdf import PdfRenderer
from federated_sender.tables import Base as SenderBase
from registered_receiver.app import MIGRATIONS
from registered_receiver.tables import Base as ReceiverBase
from registered_receiver.tables import Task, TaskDrop
from shared.audit import Actor
from shared.db import Database
from tests.fakes.mesh import InMemoryMesh
from tests.federated_sender.bench import CONSULTATION, consultation
from tests.flow import bench
from tests.flow.bench import Flow
from tests.registered_receiver.bench import INDEXED_SMITH

Rows = list[dict[str, Any]]
REVIEWED, UNKNOWN, INVALID, REGULAR, UNANSWERED, ANSWERED, DELETED, WAITING = (
    f"5d2f7c1a-90b4-4c6e-8b2a-{number:012}" for number in range(1, 9)
)
NOBODY = {"patient__nhs_number": "9434765919", "patient__family": "Stranger", "patient__birth_date": "1980-02-02"}
MISTYPED = {"patient__nhs_number": "9690937286"}

AT = datetime(2026, 11, 20, 18, tzinfo=UTC)
LEFT_EMPTY: dict[str, dict[str, Any]] = {
    "alert": {"alert_id": "1", "kind": "clock_off", "subject_id": "X", "opened_at": AT, "text": "t", "action": "a"},
    "audit": {"at": AT, "user_name": "tester", "action": "task_viewed"},
    "digest": {"id": 1, "attempts": 0},
    "poller": {"id": 1, "holder": "a process", "lease_until": AT},
    "web_user": {"user_name": "jane", "role": "clerk", "created_at": AT},
    "web_session": {"token_hash": "x" * 64, "user_name": "jane", "created_at": AT, "last_seen_at": AT},
    "web_lockout": {"subject": "127.0.0.1", "failures": 3, "last_at": AT},
}


class Daemon(NamedTuple):
    """What the test needs to know of one of the two."""

    schema: str
    metadata: MetaData
    migrations: Path

    def older_revisions(self) -> list[str]:
        _newest, *older = ScriptDirectory(str(self.migrations)).walk_revisions()
        return [script.revision for script in reversed(older)]


SENDER = Daemon("federated_sender", SenderBase.metadata, Path(federated_sender.__file__).parent / "migrations")
RECEIVER = Daemon("registered_receiver", ReceiverBase.metadata, MIGRATIONS)


@dataclass(frozen=True)
class Past:
    """What both daemons had in their tables after some days of work, and when that was."""

    at: datetime
    rows: Mapping[str, Mapping[str, Rows]]


@pytest.fixture(scope="module")
def past(renderer: PdfRenderer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    directory, mesh = tmp_path_factory.mktemp("past"), a_mesh()
    sender = bench.wire_sender(f"sqlite:///{directory}/sender.sqlite3", mesh, renderer, directory / "sender")
    receiver = bench.wire_receiver(f"sqlite:///{directory}/receiver.sqlite3", mesh, directory / "receiver")
    flow = Flow(mesh, sender, receiver, bench.listen())
    live_through_some_days(flow)
    rows = {
        daemon.schema: rows_of(daemon, database)
        for daemon, database in ((SENDER, sender.database), (RECEIVER, receiver.database))
    }
    yield Past(mesh.clock(), rows)
    sender.database.close()
    receiver.receiver.close()


def a_mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    for ods_code, mailbox_id in bench.MAILBOXES.items():
        mesh.add_mailbox(mailbox_id, ods_code=ods_code)
    mesh.register("9690937278", INDEXED_SMITH.birth_date, "Smith", "BIRCHMB1")
    mesh.register("9690937286", INDEXED_SMITH.birth_date, "Smith", "BIRCHMB1")
    mesh.register("9434765919", date(1980, 2, 2), "Stranger", "BIRCHMB1")
    return mesh


def live_through_some_days(flow: Flow) -> None:
    """Leave something in every state and in every table."""
    flow.receiver.know(INDEXED_SMITH)
    (flow.sender.directory / "diary.pdf").write_bytes(b"%PDF-1.7 diary")
    attached = [{"title": "Diary", "content_type": "application/pdf", "path": "diary.pdf"}]
    flow.sender.enqueue(
        consultation(attachments=attached),
        consultation(consultation_id=REVIEWED, **MISTYPED),
        consultation(consultation_id=UNKNOWN, **NOBODY),
        consultation(consultation_id=REGULAR, patient__registration_type="regular"),
        consultation(consultation_id=DELETED),
    )
    with flow.sender.database.transaction() as session:
        session.add(OutboxRow(consultation_id=INVALID))
        routing.route(session, REVIEWED, "B82002", "PDS is late", flow.sender.now(), "tester")
        deletion.delete(session, DELETED, flow.sender.now(), "tester")
        ledger.AUDIT.record(session, Actor("tester", 1000, None), "report_exported", flow.sender.now(), subject_id="r")
    flow.pass_time(hours=4)
    flow.exchange()
    with flow.receiver.database.transaction() as session:
        task = session.scalars(select(Task.task_id)).one()
        session.add(TaskDrop(task_id=task, queued_at=AT, dropped_at=AT, attempts=0))
    send(flow, consultation(attachments=attached), consultation(consultation_id=ANSWERED))
    flow.receiver.step("collect")
    while flow.receiver.step("process"):
        pass
    send(flow, consultation(consultation_id=UNANSWERED))
    flow.sender.enqueue(written_now(flow, consultation(consultation_id=WAITING)))


def written_now(flow: Flow, content: dict[str, Any]) -> dict[str, Any]:
    now = flow.sender.now().isoformat()
    return content | {"updated_at": now, "notes": [{"heading": "Plan", "items": [{"text": f"Rest, said at {now}"}]}]}


def send(flow: Flow, *contents: dict[str, Any]) -> None:
    flow.sender.enqueue(*(written_now(flow, content) for content in contents))
    flow.pass_time(hours=4)
    flow.sender.once()


def rows_of(daemon: Daemon, database: Database) -> dict[str, Rows]:
    """Return every row; a table that the days left empty gets one."""
    found: dict[str, Rows] = {}
    with database.engine.begin() as connection:
        for each in daemon.metadata.sorted_tables:
            if not connection.execute(select(each)).first():
                connection.execute(insert(each).values(LEFT_EMPTY[each.name]))
            found[each.name] = [dict(row) for row in connection.execute(select(each)).mappings()]
    return found


def at_revision(daemon: Daemon, url: str, revision: str, past: Past) -> tuple[Database, dict[str, set[str]]]:
    """Return a database of an older schema with all that it can hold of the past, and the columns of its tables."""
    database = Database(url, schema=daemon.schema, migrations=daemon.migrations)
    with database.engine.begin() as connection:
        on_server = connection.dialect.name == "postgresql"
        if on_server:
            connection.execute(text(f"CREATE SCHEMA {daemon.schema}"))
        config = Config()
        config.set_main_option("script_location", str(daemon.migrations))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        schema = daemon.schema if on_server else None
        columns = {
            name: {each["name"] for each in inspect(connection).get_columns(name, schema)}
            for name in inspect(connection).get_table_names(schema)
            if name in daemon.metadata.tables
        }
        for each in daemon.metadata.sorted_tables:
            if each.name in columns:
                fill(connection, each, columns[each.name], past.rows[daemon.schema][each.name])
    return database, columns


def fill(connection: Connection, whole: Table, names: set[str], rows: Rows) -> None:
    """Put rows into a table of an older schema, which has only the columns ``names``."""
    older = table(whole.name, *(column(each.name, each.type) for each in whole.columns if each.name in names))
    if whole.name == "digest":
        # its one row comes with the table
        connection.execute(delete(older))
    connection.execute(insert(older), [{name: row[name] for name in names} for row in rows])
    if connection.dialect.name == "postgresql" and [key.name for key in whole.primary_key] == ["id"]:
        counted = f"pg_get_serial_sequence('{whole.name}', 'id'), (SELECT max(id) FROM {whole.name})"
        connection.execute(text(f"SELECT setval({counted})"))


def held(daemon: Daemon, database: Database, columns: Mapping[str, set[str]]) -> dict[str, Rows]:
    """Return what the tables hold in these columns, in an order of its own."""
    found = {}
    with database.snapshot() as session:
        for name, names in columns.items():
            query = select(*(daemon.metadata.tables[name].c[each] for each in sorted(names)))
            found[name] = sorted((dict(row) for row in session.execute(query).mappings()), key=repr)
    return found


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [
        (sender or SENDER.older_revisions()[-1], receiver or RECEIVER.older_revisions()[-1])
        for sender, receiver in zip_longest(SENDER.older_revisions(), RECEIVER.older_revisions())
    ],
)
def test_no_row_of_an_older_schema_changes_by_the_upgrade_and_both_daemons_go_on_with_them(
    past: Past, sender: str, receiver: str, database_url: str, renderer: PdfRenderer, tmp_path: Path
) -> None:
    other_url = database_url if database_url.startswith("postgresql") else f"sqlite:///{tmp_path}/receiver.sqlite3"
    for daemon, url, revision in ((SENDER, database_url, sender), (RECEIVER, other_url, receiver)):
        database, columns = at_revision(daemon, url, revision, past)
        before = held(daemon, database, columns)

        database.migrate()

        assert held(daemon, database, columns) == before
        database.close()
    go_on(past, database_url, other_url, renderer, tmp_path)


def go_on(past: Past, sender_url: str, receiver_url: str, renderer: PdfRenderer, tmp_path: Path) -> None:
    """Let both daemons work on what they have, and see each record come to its end."""
    mesh = a_mesh()
    mesh.clock.move(past.at - mesh.clock())
    sender = bench.wire_sender(sender_url, mesh, renderer, tmp_path / "sender")
    receiver = bench.wire_receiver(receiver_url, mesh, tmp_path / "receiver")
    flow = Flow(mesh, sender, receiver, bench.listen())
    flow.exchange()
    (review,) = receiver.reviews()
    receiver.receiver.desk.match(review["review_id"], lambda _: "9690937278")
    send(flow, consultation())
    flow.exchange()

    delivered = {(each["consultation_id"], each["version"]) for each in sender.status("delivered")}
    others = {each["consultation_id"]: (each["state"], each["reason"]) for each in sender.status()}
    chain = [(each["version"], each["state"]) for each in receiver.tasks() if each["consultation_id"] == CONSULTATION]
    sender.database.close()
    receiver.receiver.close()
    assert delivered == {
        *((CONSULTATION, version) for version in (1, 2, 3)),
        *((each, 1) for each in (REVIEWED, ANSWERED, WAITING)),
    }
    assert others[UNANSWERED] == ("sent", "unknown_to_mesh")
    assert others[UNKNOWN] == ("failed", "30002")
    assert others[REGULAR] == ("not_required", "regular_patient")
    assert others[DELETED] == ("not_required", "deleted")
    assert others[INVALID][0] == "invalid"
    assert chain == [(3, "open"), (2, "superseded"), (1, "superseded")]
    assert flow.lines("job.failed", "work.parked", "outage.began") == []
