"""Databases at the newest schema, quickly: what was migrated once in the session is repeated.

On SQLite that is a copy of the file, on PostgreSQL the statements of the migration, all in one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, inspect

from shared.db import Database

_FILES: dict[str, bytes] = {}
_SCRIPTS: dict[str, str] = {}
_CHANGES = ("ALTER", "COMMENT", "CREATE", "DROP", "INSERT", "UPDATE")


def migrate(database: Database) -> None:
    """Bring a database that nobody has used yet to the newest schema."""
    if database.engine.url.get_backend_name() == "sqlite":
        _by_copy(database)
    else:
        _by_script(database)


def _by_copy(database: Database) -> None:
    file = Path(database.engine.url.database or "")
    if file.exists():
        database.migrate()
        return
    if database.schema in _FILES:
        file.write_bytes(_FILES[database.schema])
        return
    database.migrate()
    # the last connection that closes writes everything into the one file
    database.close()
    _FILES[database.schema] = file.read_bytes()


def _by_script(database: Database) -> None:
    if inspect(database.engine).has_schema(database.schema):
        database.migrate()
    elif database.schema in _SCRIPTS:
        with database.engine.begin() as connection, connection.connection.cursor() as cursor:
            cursor.execute(_SCRIPTS[database.schema])
    else:
        _SCRIPTS[database.schema] = _script(database)


def _script(database: Database) -> str:
    """Migrate, and return everything that was changed as one script."""
    engine: Engine = database.engine
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        if statement.lstrip().startswith(_CHANGES):
            assert not parameters
            # the driver has a percent sign doubled in what it is given with parameters, be they none
            statements.append(statement.replace("%%", "%"))

    event.listen(engine, "before_cursor_execute", note)
    database.migrate()
    event.remove(engine, "before_cursor_execute", note)
    return ";\n".join(statements)
