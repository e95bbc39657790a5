"""The schema with names of documents on a database that has taken messages without it."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from registered_receiver.app import MIGRATIONS, SCHEMA
from shared.db import Database
from shared.itk3.naming import normal_form

UPPER, TWICE = "0F5B2C6E-7A3D-4E1B-9C58-2D6F4B8A1E01", "5A1F3B8E-0000-4000-8000-000000000001"
NOT_HEX = "Zf5B2C6E-7A3D-4E1B-9C58-2D6F4B8A1E01"
IDS = {
    "m1": f" urn:uuid:{UPPER} ",
    "m2": TWICE,
    "m3": "Local-7",
    "m4": f"URN:UUID:{TWICE.lower()}",
    "m5": "urn:oid:1.2.826.0.1",
    "m6": f"\turn:uuid: {UPPER[::-1]}\t",
    "m7": f"\t{NOT_HEX}",
    "m8": "\tLocal-8",
}
MESSAGE = (
    "INSERT INTO message (mesh_message_id, message_type, workflow_id, received_at, changed_at, truncated,"
    " left_in_mesh, state, attempts) VALUES (:id, 'DATA', 'W', '2026-01-01', '2026-01-01', false, false, 'filed', 0)"
)
TASK = (
    "INSERT INTO task (task_id, mesh_message_id, state, subject, sender_ods_code, consultation_id, authored_on,"
    " nhs_number, received_at) VALUES (:id, :id, 'open', 's', 'A81001', :written, '2026-01-01', '9690937278',"
    " '2026-01-01')"
)
REVIEW = (
    "INSERT INTO review (review_id, mesh_message_id, sender_ods_code, consultation_id, facts, candidates, opened_at)"
    " VALUES (:id, :id, 'A81001', :written, '{}', '[]', '2026-01-01')"
)
PROCESSED = (
    "INSERT INTO processed_id (kind, value, sender_mailbox, mesh_message_id, processed_at)"
    " VALUES ('payload', :written, 'ALDERMB1', :id, '2026-01-01')"
)


def upgrade_from_0008(database: Database, ids: dict[str, str]) -> None:
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        config = database._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        for mesh_id, written in ids.items():
            for statement in (MESSAGE, TASK, REVIEW, PROCESSED):
                connection.execute(text(statement), {"id": mesh_id, "written": written})
    database.migrate()


def test_what_was_taken_before_is_found_by_its_names_and_its_chains_go_on(database_url: str) -> None:
    database = Database(database_url, schema=SCHEMA, migrations=MIGRATIONS)

    upgrade_from_0008(database, IDS)

    with database.snapshot() as session:
        names = session.execute(text("SELECT mesh_message_id, kind, value, sender_mailbox FROM document_id")).all()
        chains = dict(session.execute(text("SELECT task_id, consultation_id FROM task")).all())
        reviewed = dict(session.execute(text("SELECT review_id, consultation_id FROM review")).all())
    database.close()
    assert sorted(names) == sorted((key, "payload", normal_form(value), "ALDERMB1") for key, value in IDS.items())
    # the two spellings of one reference would be two open tasks of one chain
    normal = {key: normal_form(value) for key, value in IDS.items()}
    assert chains == normal | {"m2": TWICE, "m4": IDS["m4"]}
    assert reviewed == normal
    assert (normal["m5"], normal["m7"], normal["m8"]) == ("1.2.826.0.1", NOT_HEX, "Local-8")


def test_a_name_of_which_nothing_is_left_is_not_kept(database_url: str) -> None:
    database = Database(database_url, schema=SCHEMA, migrations=MIGRATIONS)

    upgrade_from_0008(database, {"m1": "urn:uuid:"})

    with database.snapshot() as session:
        assert session.execute(text("SELECT * FROM document_id")).all() == []
    database.close()
