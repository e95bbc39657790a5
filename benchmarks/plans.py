"""The plans by which a database finds rows: which statements go through a whole table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event

from shared.db import Database


@dataclass
class Statement:
    """A statement as it was executed, and the seconds that it took."""

    text: str
    parameters: Any = field(repr=False)
    seconds: float = 0.0


@contextmanager
def listening(engine: Engine) -> Iterator[list[Statement]]:
    """Give the list of every statement that is executed within the ``with``."""
    heard: list[Statement] = []
    begun: list[float] = []

    def before(_connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: bool) -> None:
        # of several rows at once the first stands for all
        heard.append(Statement(text, parameters[0] if many else parameters))
        begun.append(time.perf_counter())

    def after(*_: Any) -> None:
        heard[-1].seconds = time.perf_counter() - begun.pop()

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def _goes_through(line: str, text: str) -> bool:
    """Say whether a line of SQLite's plan is about a whole table; in the order that is wanted, it ends at the limit."""
    if not line.startswith("SCAN") or line.split()[1].startswith(("CONSTANT", "(")):
        return False
    return " INDEX " not in line or "LIMIT" not in text


def _partial_indexes(connection: Connection) -> set[str]:
    # what is in one of these is what the statement asks for
    found = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
    return {row[0] for row in connection.exec_driver_sql(found)}


def scanned(database: Database, statement: Statement) -> list[str]:
    """Return the tables that the database goes through from end to end for ``statement``."""
    if not statement.text.startswith(("SELECT", "UPDATE", "DELETE")):
        return []
    with database.snapshot() as session:
        connection = session.connection()
        lines = _plan(connection, statement)
        if connection.dialect.name == "sqlite":
            through = [line for line in lines if _goes_through(line, statement.text)]
            return [line.split()[1] for line in through if line.split()[-1] not in _partial_indexes(connection)]
        return [line.partition("Seq Scan on ")[2].split()[0] for line in lines if "Seq Scan on " in line]


def plan(database: Database, statement: Statement) -> list[str]:
    """Return how the database would go about ``statement``, line by line."""
    with database.snapshot() as session:
        return _plan(session.connection(), statement)


def _plan(connection: Connection, statement: Statement) -> list[str]:
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{explain} {statement.text}", statement.parameters).all()
    # SQLite puts the words last, after numbers
    return [str(row[-1]) for row in rows]
