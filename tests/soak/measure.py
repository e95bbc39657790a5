"""What must stay flat in a long life, what may grow, and what the log says meanwhile."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, inspect, text

# What a page of a database holds besides the content of its rows: keys, indexes, headers, room for what comes.
OVERHEAD: Final = 1.6
"""A database may be this many times as large as the content of its rows."""


@dataclass(frozen=True)
class Vitals:
    """A daemon's process at one moment, and its ``workers``, the processes that print for it; memory in MB."""

    memory: float
    handles: int
    threads: int
    workers: float = 0.0


def vitals() -> dict[str, float]:
    """Measure this process, as the arguments of :class:`Vitals`."""
    gc.collect()
    workers = [_memory(str(each.pid)) for each in multiprocessing.active_children()]
    # one is open for as long as they are counted
    handles = _number("fd") - 1
    return {
        "memory": _memory("self"),
        "handles": handles,
        "threads": _number("task"),
        "workers": round(sum(workers), 1),
    }


def _memory(process: str) -> float:
    resident = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return round(int(resident[1]) / 1000, 1) if resident else 0.0


def _number(of: str) -> int:
    return sum(1 for _ in Path("/proc/self", of).iterdir())


@dataclass(frozen=True)
class Growth:
    """A database at one moment, in MB: its ``size`` without pages that are free, and the ``content`` of its rows."""

    size: float
    content: float


def growth(engine: Engine, schema: str) -> Growth:
    """Measure a database; on PostgreSQL only what is in ``schema``."""
    with engine.execution_options(reading=True).connect() as connection:
        is_server = engine.dialect.name == "postgresql"
        size = _size_of_schema(connection, schema) if is_server else _size_of_file(connection)
        own = schema if is_server else None
        content = sum(_content(connection, name, own) for name in inspect(connection).get_table_names(own))
    return Growth(round(size / 1e6, 2), round(content / 1e6, 2))


def _size_of_file(connection: Connection) -> float:
    pages, free, each = (
        connection.execute(text(f"PRAGMA {name}")).scalar_one()
        for name in ("page_count", "freelist_count", "page_size")
    )
    return float((pages - free) * each)


def _size_of_schema(connection: Connection, schema: str) -> float:
    tables = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
    return float(connection.execute(text(f"{tables}'{schema}'::regnamespace")).scalar_one())


def _content(connection: Connection, table: str, schema: str | None) -> int:
    """Return how many bytes the values of a table have."""
    names = [each["name"] for each in inspect(connection).get_columns(table, schema)]
    length = 'pg_column_size("{}")' if connection.dialect.name == "postgresql" else 'length(CAST("{}" AS BLOB))'
    lengths = " + ".join(f"coalesce({length.format(name)}, 0)" for name in names)
    return int(connection.execute(text(f"SELECT coalesce(sum({lengths}), 0) FROM {table}")).scalar_one())


def vacuum(engine: Engine) -> None:
    """Let PostgreSQL use again what is free: its autovacuum goes by the world's clock, which hardly moves meanwhile."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


@dataclass
class Log:
    """What both daemons say on standard error, in a file that is copied and emptied every day (``copytruncate``)."""

    path: Path
    alarms: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    rotations: int = 0
    broken: int = 0

    def __post_init__(self) -> None:
        self.stream = self.path.open("a", encoding="utf-8", buffering=1)

    def rotate(self) -> None:
        """Put the day's lines aside and count what they say."""
        copy = self.path.with_suffix(f".{self.rotations}")
        shutil.copyfile(self.path, copy)
        os.truncate(self.path, 0)
        self.rotations += 1
        for line in copy.read_text(encoding="utf-8").splitlines():
            self._count(line)
        copy.unlink()

    def _count(self, line: str) -> None:
        self.lines += 1
        try:
            said: Mapping[str, Any] = json.loads(line)
        except ValueError:
            self.broken += 1
            return
        if said["level"] in ("warning", "error", "critical"):
            about = said.get("of") or said.get("kind")
            self.alarms[f"{said['event']} {about}" if about else said["event"]] += 1
