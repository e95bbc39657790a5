"""The sender's schema: what the database itself refuses and does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import federated_sender
from federated_sender.tables import Base
from shared.db import Database
from shared.errors import DatabaseUnusable
from tests.fakes.partial_indexes import in_the_code, in_the_database

ROWS_OF_THE_FIRST_SCHEMA = (
    "INSERT INTO outbox (consultation_id, pending) VALUES ('c', false)",
    f"INSERT INTO blob (sha256, data) VALUES ('{'d' * 64}', '')",
    "INSERT INTO report (report_id, consultation_id, version, local_id, mesh_message_id, state, content,"
    " content_sha256, created_at, changed_at, sent_at, attempts) VALUES ('r', 'c', 1, 'r.1', 'M1', 'sent',"
    f" '{{\"attachments\":[{{\"sha256\"\\:\"{'d' * 64}\"}}]}}', 'x', '2026-01-01', '2026-01-01', '2026-01-01', 0)",
    "INSERT INTO report (report_id, consultation_id, state, content_sha256, created_at, changed_at, attempts)"
    " VALUES ('s', 'c', 'waiting', 'x', '2026-01-01', '2026-01-01', 0)",
    "INSERT INTO timeline (report, at, event, by) SELECT id, '2026-01-01', 'due', 'x' FROM report",
)
MIGRATIONS = Path(federated_sender.__file__).parent / "migrations"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, schema="federated_sender", migrations=MIGRATIONS)
    yield database
    database.close()


def test_an_empty_database_is_refused_with_the_command_to_run(database: Database) -> None:
    with pytest.raises(DatabaseUnusable, match="federated-sender migrate"):
        database.require_schema("federated-sender")


def test_migrating_twice_changes_nothing(database: Database) -> None:
    first = database.migrate()

    second = database.migrate()

    assert first == second == database.revision()
    database.require_schema("federated-sender")


def test_the_migrations_make_the_tables_that_the_code_maps(database: Database) -> None:
    database.migrate()

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences, partial = compare_metadata(context, Base.metadata), in_the_database(connection, Base.metadata)

    assert differences == []
    assert partial == in_the_code(Base.metadata)


def test_a_row_that_a_clinical_system_inserts_or_changes_is_pending(database: Database) -> None:
    database.migrate()
    with database.transaction() as session:
        session.execute(text("INSERT INTO outbox (consultation_id) VALUES ('a')"))
        inserted = session.execute(text("SELECT pending FROM outbox")).scalar()
        session.execute(text("UPDATE outbox SET pending = false"))
        taken = session.execute(text("SELECT pending FROM outbox")).scalar()

        session.execute(text("UPDATE outbox SET notes = '[]'"))

        changed = session.execute(text("SELECT pending FROM outbox")).scalar()
    assert (bool(inserted), bool(taken), bool(changed)) == (True, False, True)


def test_a_row_that_is_marked_deleted_is_pending(database: Database) -> None:
    database.migrate()
    with database.transaction() as session:
        session.execute(text("INSERT INTO outbox (consultation_id) VALUES ('a')"))
        session.execute(text("UPDATE outbox SET pending = false"))

        session.execute(text("UPDATE outbox SET deleted = true"))

        assert bool(session.execute(text("SELECT pending FROM outbox")).scalar())


def test_a_database_with_rows_of_the_first_schema_keeps_them(database: Database) -> None:
    first = Database(str(database.engine.url.render_as_string(False)), schema="federated_sender", migrations=MIGRATIONS)
    with first.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS federated_sender"))
        config = first._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in ROWS_OF_THE_FIRST_SCHEMA:
            connection.execute(text(statement))
    first.close()

    database.migrate()

    with database.transaction() as session:
        sends = session.execute(text("SELECT number, local_id, mesh_message_id, asked_by FROM submission")).all()
        referred = session.execute(text("SELECT sha256 FROM report_attachment")).all()
        row = session.execute(text("SELECT deleted, enqueued, pending FROM outbox")).one()
        session.execute(text("UPDATE outbox SET notes = '[]'"))
        pending = session.execute(text("SELECT pending FROM outbox")).scalar()
    assert [tuple(send) for send in sends] == [(1, "r.1", "M1", "federated-sender")]
    assert [tuple(digest) for digest in referred] == [("d" * 64,)]
    assert [bool(value) for value in row] == [False, False, False]
    assert bool(pending)


@pytest.mark.parametrize("statement", ["UPDATE timeline SET event = 'x'", "DELETE FROM timeline"])
def test_the_timeline_can_only_grow(database: Database, statement: str) -> None:
    database.migrate()
    with database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO report (report_id, consultation_id, state, content_sha256, created_at, changed_at,"
                " attempts) VALUES ('r', 'c', 'waiting', 'x', '2026-01-01', '2026-01-01', 0)"
            )
        )
        session.execute(
            text("INSERT INTO timeline (report, at, event, by) SELECT id, '2026-01-01', 'due', 'x' FROM report")
        )

    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(text(statement))


def test_the_database_refuses_a_second_unsent_version_of_a_consultation(database: Database) -> None:
    database.migrate()
    row = (
        "INSERT INTO report (report_id, consultation_id, state, content_sha256, created_at, changed_at, attempts)"
        " VALUES (:id, 'c', 'waiting', 'x', '2026-01-01', '2026-01-01', 0)"
    )

    with database.transaction() as session:
        session.execute(text(row), {"id": "1"})

    with pytest.raises(DBAPIError, match=r"(?i)unique"), database.transaction() as session:
        session.execute(text(row), {"id": "2"})


def test_the_outcomes_are_given_back_beside_the_outbox(database: Database) -> None:
    database.migrate()
    with database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO report (report_id, consultation_id, version, local_id, state, content_sha256, created_at,"
                " changed_at, attempts, infrastructure_due_at, business_due_at) VALUES"
                " ('r', 'c', 1, 'r.1', 'sent', 'x', '2020-01-01', '2020-01-01', 0, '2020-01-02', '2999-01-01')"
            )
        )

    with database.snapshot() as session:
        row = session.execute(text("SELECT * FROM report_status")).mappings().one()

    assert (row["consultation_id"], row["version"], row["state"], bool(row["overdue"])) == ("c", 1, "sent", True)
