"""A SQLite file is looked through before it is used: a damaged one is refused, and nothing is written to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from shared.errors import DatabaseUnusable

_WHOLE_UP_TO: Final = 5_000_000_000
_WITHOUT_DOCUMENTS: Final = """
    SELECT name FROM sqlite_master WHERE type = 'table'
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info(sqlite_master.name) AS c WHERE c.type = 'BLOB')
"""


def require_sound(file: Path) -> None:
    """Raise DatabaseUnusable when ``file`` is no database, cut short, damaged, or lies beside another one's journal.

    A file that is not there is nobody's fault: ``migrate`` makes it. Every page is walked, a gigabyte a second from
    memory; of a file above 5 GB only what lies outside the tables of documents, so that a start takes no minutes.
    """
    if not file.exists():
        return
    size = file.stat().st_size
    if not size:
        # SQLite would take it for a new database, and everything that was in it would be forgotten in silence
        raise DatabaseUnusable(f"{file} is empty, as no database ever is: restore it; remove it only if it is new")
    try:
        # only to read: closing a connection that may write would put a journal that is not its own into the file
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            found = next(_faults(connection, size), None)
    except sqlite3.OperationalError as error:
        raise DatabaseUnusable(f"the database cannot be used: {error}") from None
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found is not None:
        raise DatabaseUnusable(f"{file} is damaged and was left as it is: {found}{_journal(file)}")


def _faults(connection: sqlite3.Connection, size: int) -> Iterator[str]:
    questions = ["PRAGMA quick_check(1)"]
    if size > _WHOLE_UP_TO:
        tables = connection.execute(_WITHOUT_DOCUMENTS).fetchall()
        questions = [f'PRAGMA quick_check("{name}")' for (name,) in tables]
    for question in questions:
        for (answer,) in connection.execute(question):
            if answer != "ok":
                # its first line may only say in which database
                yield answer.replace("*** in database main ***\n", "").partition("\n")[0]


def _journal(file: Path) -> str:
    journal = file.with_name(f"{file.name}-wal")
    return f"; if it was restored, {journal.name} beside it may be another database's" if journal.exists() else ""
