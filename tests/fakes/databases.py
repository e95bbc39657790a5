"""Databases at the newest schema, quickly: on SQLite a copy of one that was migrated earlier in the session."""

from __future__ import annotations

from pathlib import Path

from shared.db import Database

_MIGRATED: dict[str, bytes] = {}


def migrate(database: Database) -> None:
    """Bring a database that nobody has used yet to the newest schema."""
    url = database.engine.url
    file = Path(url.database or "")
    if url.get_backend_name() != "sqlite" or file.exists():
        database.migrate()
        return
    if database.schema in _MIGRATED:
        file.write_bytes(_MIGRATED[database.schema])
        return
    database.migrate()
    # the last connection that closes writes everything into the one file
    database.close()
    _MIGRATED[database.schema] = file.read_bytes()
