"""The connections to the database: durable, never quoting a row, and with SQLite's locks taken in time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA busy_timeout=30000",
    "PRAGMA foreign_keys=ON",
    # a commit must be on the disk before MESH is told to forget its copy (decision 14)
    "PRAGMA synchronous=FULL",
)


def open_engine(url: str, schema: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL; ``schema`` is searched on PostgreSQL alone (decision 37)."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True)
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={
            "options": f"-csearch_path={schema}",
            "connect_timeout": 10,
            # a cut network must show as an outage, not as a job that waits for ever
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
        },
    )
    event.listen(engine, "handle_error", _hide_row)
    return engine


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    # sqlite3 must not begin transactions by itself: the begin event does, with the right lock
    connection.isolation_level = None
    # text that is not UTF-8 must reach the rules, which refuse it, and not stop whoever reads the table
    connection.text_factory = _decode
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _on_sqlite_begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _hide_row(context: ExceptionContext) -> None:
    """Leave the first line of what the driver says: PostgreSQL quotes the row, patient and all, in the next one."""
    driver, ours = context.original_exception, context.sqlalchemy_exception
    driver.args = tuple(str(each).partition("\n")[0] for each in driver.args[:1])
    if ours is not None:
        ours.args = tuple(str(each).partition("\n")[0] for each in ours.args[:1])
