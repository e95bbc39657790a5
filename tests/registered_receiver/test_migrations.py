from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from registered_receiver.app import MIGRATIONS, SCHEMA
from registered_receiver.tables import Base
from shared.db import Database
from shared.errors import DatabaseUnusable
from tests.fakes.partial_indexes import in_the_code, in_the_database

MESSAGE = (
    "INSERT INTO message (mesh_message_id, message_type, workflow_id, received_at, changed_at, truncated,"
    " left_in_mesh, state, attempts) VALUES (:id, 'DATA', 'W', '2026-01-01', '2026-01-01', false, false, :state, 0)"
)
TASK = (
    "INSERT INTO task (task_id, mesh_message_id, state, subject, sender_ods_code, consultation_id, authored_on,"
    " nhs_number, received_at) VALUES (:id, :id, :state, 's', 'A81001', 'c', '2026-01-01', '9690937278', '2026-01-01')"
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, schema=SCHEMA, migrations=MIGRATIONS)
    yield database
    database.close()


def put(database: Database, statement: str, **values: str) -> None:
    with database.transaction() as session:
        session.execute(text(statement), values)


def test_an_empty_database_is_refused_with_the_command_to_run(database: Database) -> None:
    with pytest.raises(DatabaseUnusable, match="registered-receiver migrate"):
        database.require_schema("registered-receiver")


def test_the_migrations_make_the_tables_that_the_code_maps(database: Database) -> None:
    first = database.migrate()

    assert database.migrate() == first
    database.require_schema("registered-receiver")
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences, partial = compare_metadata(context, Base.metadata), in_the_database(connection, Base.metadata)
    assert differences == []
    assert partial == in_the_code(Base.metadata)


@pytest.mark.parametrize("statement", ["UPDATE timeline SET event = 'x'", "DELETE FROM timeline"])
def test_the_timeline_can_only_grow(database: Database, statement: str) -> None:
    database.migrate()
    put(database, MESSAGE, id="m", state="received")
    put(database, "INSERT INTO timeline (mesh_message_id, at, event, by) VALUES ('m', '2026-01-01', 'e', 'x')")

    with pytest.raises(DBAPIError, match="append-only"):
        put(database, statement)


def test_the_database_refuses_what_must_never_be(database: Database) -> None:
    database.migrate()
    put(database, MESSAGE, id="m", state="received")
    put(database, MESSAGE, id="n", state="received")
    put(database, TASK, id="m", state="open")

    with pytest.raises(DBAPIError, match=r"(?i)unique"):
        put(database, MESSAGE, id="m", state="received")
    with pytest.raises(DBAPIError, match="ck_message_state"):
        put(database, MESSAGE, id="o", state="lost")
    with pytest.raises(DBAPIError, match=r"(?i)unique"):
        put(database, TASK, id="n", state="open")
    with pytest.raises(DBAPIError, match="ck_task_superseded"):
        put(database, TASK, id="n", state="superseded")
