"""The indexes that hold some rows only: as the code says them, and as a database has them."""

from __future__ import annotations

import re

from sqlalchemy import Connection, MetaData, inspect

# what PostgreSQL puts into a condition of its own accord, or writes in another way
_ADDED = {"=", "text", "character", "varying", "any", "array", "in", "boolean"}

Conditions = dict[str | None, list[str]]


def in_the_code(metadata: MetaData) -> Conditions:
    """Return the condition of each partial index, as its words."""
    indexes = (index for table in metadata.tables.values() for index in table.indexes)
    found = {index.name: index.dialect_options["sqlite"]["where"] for index in indexes}
    return {name: _words(str(condition)) for name, condition in found.items() if condition is not None}


def in_the_database(connection: Connection, metadata: MetaData) -> Conditions:
    """Return the same of what the migrations made."""
    inspector, condition = inspect(connection), f"{connection.dialect.name}_where"
    indexes = (index for table in metadata.tables for index in inspector.get_indexes(table))
    found = {index["name"]: index.get("dialect_options", {}).get(condition) for index in indexes}
    return {name: _words(str(condition)) for name, condition in found.items() if condition is not None}


def _words(condition: str) -> list[str]:
    words = re.findall(r"[a-z_0-9]+|<>|[<=>]+", condition.lower().replace("= any", "in").replace("<> all", "not in"))
    return [word for word in words if word not in _ADDED]
