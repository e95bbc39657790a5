"""The connections to the database: durable, never quoting a row, and with SQLite's locks taken in time."""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

# seconds that a write waits for others, and between two looks whether it may begin
_PATIENCE: Final = 30
_ASK_AGAIN: Final = 0.001
_WAIT: Final = f"PRAGMA busy_timeout={_PATIENCE * 1000}"
# seconds for which a connection to a server counts as alive without being asked
_FRESH: Final = 1.0
_USED: Final = "used"
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    _WAIT,
    "PRAGMA foreign_keys=ON",
    # a commit must be on the disk before MESH is told to forget its copy (decision 14)
    "PRAGMA synchronous=FULL",
)


def open_engine(url: str, schema: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL; ``schema`` is searched on PostgreSQL alone (decision 37)."""
    if make_url(url).get_backend_name() == "sqlite":
        # a statement that is kept for the next time keeps the document, too, that it last wrote
        engine = create_engine(url, hide_parameters=True, connect_args={"cached_statements": 0})
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine
    engine = create_engine(
        url,
        hide_parameters=True,
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
    event.listen(engine, "checkin", _on_return)
    event.listen(engine, "checkout", _on_loan)
    return engine


def _on_return(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _on_loan(connection: Any, record: ConnectionPoolEntry, _loan: Any) -> None:
    """Let a connection that nobody used for a while be replaced unseen when the server has left it meanwhile."""
    if time.monotonic() - record.info.get(_USED, time.monotonic()) < _FRESH:
        return
    try:
        connection.autocommit = True
        connection.execute("SELECT 1")
        connection.autocommit = False
    except connection.Error as error:
        raise InvalidatePoolError from error


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
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN")
    else:
        _take_turn(connection)


def _take_turn(connection: Connection) -> None:
    """Begin to write as soon as nobody else does: SQLite itself asks less and less often, and loses to whoever is new.

    Raises OperationalError when others write for longer than ``_PATIENCE``.
    """
    plain: Any = connection.connection.driver_connection
    plain.execute("PRAGMA busy_timeout=0")
    try:
        if not _begins(plain):
            # once more, to have it said what is wrong as everywhere else
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        plain.execute(_WAIT)


def _begins(plain: Any) -> bool:
    late = time.monotonic() + _PATIENCE
    while time.monotonic() < late:
        try:
            plain.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                return False
            time.sleep(_ASK_AGAIN)
        else:
            return True
    return False


def _hide_row(context: ExceptionContext) -> None:
    """Leave the first line of what the driver says: PostgreSQL quotes the row, patient and all, in the next one."""
    driver, ours = context.original_exception, context.sqlalchemy_exception
    driver.args = tuple(str(each).partition("\n")[0] for each in driver.args[:1])
    if ours is not None:
        ours.args = tuple(str(each).partition("\n")[0] for each in ours.args[:1])
