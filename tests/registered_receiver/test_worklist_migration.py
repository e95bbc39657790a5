"""The second schema on a database that has worked with the first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from registered_receiver.app import MIGRATIONS, SCHEMA
from registered_receiver.tables import Message
from shared.db import Database

MESSAGE = (
    "INSERT INTO message (mesh_message_id, message_type, workflow_id, received_at, changed_at, truncated,"
    " left_in_mesh, state, attempts) VALUES (:id, 'DATA', 'W', '2026-01-01', '2026-01-01', false, false, 'filed', 0)"
)
TASK = (
    "INSERT INTO task (task_id, mesh_message_id, state, subject, sender_ods_code, consultation_id, authored_on,"
    " nhs_number, received_at) VALUES (:id, :id, 'open', :subject, 'A81001', :id, '2026-01-01', '9690937278',"
    " '2026-01-01')"
)
SUBJECTS = {
    "seen": "Federated consultation report for X , NHS Number 9690937278, seen at Alder, ODS Code A81001, Version 1",
    "confidential": "Federated consultation report for X , NHS Number 9690937278, Version 1",
}


@pytest.fixture
def first(database_url: str) -> Iterator[Database]:
    """Give a database of the first schema that has two tasks in it."""
    database = Database(database_url, schema=SCHEMA, migrations=MIGRATIONS)
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        config = database._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for name, subject in SUBJECTS.items():
            connection.execute(text(MESSAGE), {"id": name})
            connection.execute(text(TASK), {"id": name, "subject": subject})
            connection.execute(
                text("INSERT INTO timeline (mesh_message_id, at, event, by) VALUES (:id, '2026-01-01', 'e', 'x')"),
                {"id": name},
            )
    yield database
    database.close()


def test_tasks_of_the_first_schema_stay_and_the_confidential_ones_are_known(first: Database) -> None:
    first.migrate()

    with first.snapshot() as session:
        found = session.execute(text("SELECT task_id, confidential FROM task ORDER BY task_id")).all()
    assert [(task_id, bool(confidential)) for task_id, confidential in found] == [
        ("confidential", True),
        ("seen", False),
    ]


def test_messages_of_the_first_schema_know_whether_they_are_confidential_as_far_as_anything_tells(
    first: Database,
) -> None:
    untold = {"refused": SUBJECTS["confidential"], "odd": "whatever somebody wrote", "pruned": None}
    with first.engine.begin() as connection:
        for name, subject in untold.items():
            connection.execute(text(MESSAGE), {"id": name})
            connection.execute(
                text("UPDATE message SET subject = :subject WHERE mesh_message_id = :id"),
                {"id": name, "subject": subject},
            )

    first.migrate()

    with first.snapshot() as session:
        rows = session.execute(select(Message.mesh_message_id, Message.confidential)).all()
        found = {row.mesh_message_id: row.confidential for row in rows}
    assert found == {"seen": False, "confidential": True, "refused": True, "odd": None, "pruned": None}


@pytest.mark.parametrize("table", ["timeline", "audit"])
def test_what_could_only_grow_can_still_only_grow(first: Database, table: str) -> None:
    first.migrate()
    with first.transaction() as session:
        session.execute(text("INSERT INTO audit (at, user_name, action) VALUES ('2026-01-01', 'x', 'y')"))

    with pytest.raises(DBAPIError, match="append-only"), first.transaction() as session:
        session.execute(text(f"DELETE FROM {table}"))
