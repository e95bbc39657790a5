"""Rows that go into the database: at once, in the end, or unless they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Insert, Table, insert, inspect
from sqlalchemy.orm import Session

from shared.db import before_commit

_ROWS = "rows to insert last"


def insert_last(session: Session, model: type[Any], row: Mapping[str, object]) -> None:
    """Insert a row, with all others of its table at once, as the last thing of a :meth:`Database.transaction`.

    For what nobody in this transaction looks for or changes. All rows of a table name the same columns.
    """
    rows = session.info.setdefault(_ROWS, {})
    if not rows:
        before_commit(session, lambda: _insert_all(session, rows))
    rows.setdefault(model, []).append(row)


def _insert_all(session: Session, rows: Mapping[type[Any], Sequence[Mapping[str, object]]]) -> None:
    session.flush()
    for model, of_one_table in rows.items():
        insert_rows(session, model, of_one_table)


def insert_rows(session: Session, model: type[Any], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows at once, for which no object need stand."""
    if rows:
        session.connection().execute(_insert_plainly(model.__table__), rows)


def insert_once(session: Session, model: type[Any], **values: object) -> bool:
    """Insert a row unless one with the same key is there already, by whoever; say whether it is new."""
    statement = _insert_once(session.get_bind().dialect.name, model.__table__)
    return session.connection().execute(statement, values).first() is not None


def insert_or_lock(session: Session, model: type[Any], **values: object) -> None:
    """Insert a row, or keep the one with the same key from others until the transaction ends."""
    statement = insert_for(session, model).values(**values)
    key = [column.name for column in inspect(model).primary_key]
    # an update to what it is already: that locks the row
    same = {name: statement.excluded[name] for name in key}
    session.execute(statement.on_conflict_do_update(index_elements=key, set_=same))


def insert_for(session: Session, model: type[Any]) -> Any:
    """Return the INSERT of the database in use, which can say what happens when a row is there already."""
    return _insert(session.get_bind().dialect.name, model.__table__)


@cache
def _insert_plainly(table: Table) -> Insert:
    return insert(table).inline()


@cache
def _insert_once(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing().returning(*table.primary_key.columns)


def _insert(dialect: str, table: Table) -> Any:
    # the other dialect is never loaded
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)
