"""Alerts that were open before there was mail are told of when there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

import federated_sender
import registered_receiver
from federated_sender import ledger as sender_ledger
from registered_receiver import ledger as receiver_ledger
from shared.alerts import AlertBook
from shared.db import Database

BEFORE = "0002"


@pytest.mark.parametrize(
    ("daemon", "book"),
    [(federated_sender, sender_ledger.ALERTS), (registered_receiver, receiver_ledger.ALERTS)],
    ids=["sender", "receiver"],
)
def test_the_schema_grows_around_the_alerts_that_are_there(
    database_url: str, daemon: Any, book: AlertBook[Any]
) -> None:
    migrations = Path(daemon.__file__).parent / "migrations"
    database = Database(database_url, schema=daemon.__name__, migrations=migrations)
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {daemon.__name__}"))
        config = database._config()
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
        connection.execute(
            text(
                "INSERT INTO alert (alert_id, kind, subject_id, opened_at, text, action)"
                " VALUES ('a', 'parked', 's', '2026-11-20 18:00:00', 'It stands still.', 'Mend it.')"
            )
        )

    database.migrate()

    with database.snapshot() as session:
        assert [alert.alert_id for alert in book.unmailed(session)] == ["a"]
    database.close()
