"""The database: one engine for SQLite or PostgreSQL, short transactions, and the schema's version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    inspect,
    literal_column,
    text,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeDecorator

from shared import sqlite_file
from shared.engine import open_engine
from shared.errors import DatabaseUnusable

if TYPE_CHECKING:
    from alembic.config import Config

DATABASE_AWAY = (OperationalError, InterfaceError, DatabaseUnusable)
"""What says that the database does not answer, or cannot write: nothing is wrong with the row that met it."""
NOT_READY = (*DATABASE_AWAY, ProgrammingError)
"""The same, or there is no schema yet: ``check`` comes before ``migrate``."""

_AT_LAST = "at last"
_AFTERWARDS = "afterwards"


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC with its zone, on databases that keep zones and on SQLite, which does not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone; give SQLite plain UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Put the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """A daemon's database; ``schema`` is its schema on PostgreSQL (decision 37).

    ``migrations`` is the folder with the Alembic scripts. Use :meth:`transaction` to change something and
    :meth:`snapshot` to look only: on SQLite a transaction takes the write lock at its beginning, so that
    two processes never read the same row and then both write it.
    """

    def __init__(self, url: str, *, schema: str, migrations: Path) -> None:
        self.schema = schema
        self._migrations = migrations
        self.engine = open_engine(url, schema)
        # a server asks for no transaction around a single statement; SQLite needs the lock first
        one_by_one = {"isolation_level": "AUTOCOMMIT"} if self.engine.dialect.name == "postgresql" else {}
        self._single = self.engine.execution_options(**one_by_one)
        self._reading = self.engine.execution_options(reading=True, **one_by_one)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session that commits at the end, and rolls back on any error."""
        with Session(self.engine, expire_on_commit=False) as session:
            with session.begin():
                yield session
                for action in session.info.get(_AT_LAST, ()):
                    action()
            for action in session.info.get(_AFTERWARDS, ()):
                action()

    @contextmanager
    def one_by_one(self) -> Iterator[Connection]:
        """Give a connection for statements that need not go together: on a server each is a transaction of its own."""
        with self._single.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Give a session for reading; nothing that is done to its objects is kept.

        A server answers each question as of the moment when it is asked.
        """
        with Session(self._reading, expire_on_commit=False, autoflush=False) as session:
            yield session

    def migrate(self) -> str:
        """Create or upgrade the schema; return the revision reached."""
        self.require_sound()
        with _translated(), self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # two processes may migrate at once; the key is any number of ours
                connection.execute(text("SELECT pg_advisory_xact_lock(7243118)"))
                # a role that owns its schema alone may not even ask for one that is there
                if not inspect(connection).has_schema(self.schema):
                    connection.execute(CreateSchema(self.schema))
            self._require_known(_revision(connection))
            from alembic import command

            config = self._config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return self.head()

    def head(self) -> str:
        """Return the revision that this version of the software needs."""
        return self._revisions()[-1]

    def revision(self) -> str | None:
        """Return the revision the database is at, None when it is empty."""
        with _translated(), self._reading.connect() as connection:
            return _revision(connection)

    def require_sound(self) -> None:
        """Raise DatabaseUnusable when the file of a SQLite database is damaged; a server looks after its own."""
        url = self.engine.url
        if url.get_backend_name() == "sqlite" and url.database:
            sqlite_file.require_sound(Path(url.database))

    def require_schema(self, command_name: str) -> None:
        """Raise DatabaseUnusable, naming ``command_name``, unless the schema is at the needed revision."""
        found, needed = self.revision(), self.head()
        self._require_known(found)
        if found != needed:
            raise DatabaseUnusable(
                f"the database is at schema {found or 'none'}, not {needed}: run `{command_name} migrate`"
            )

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _require_known(self, found: str | None) -> None:
        """Refuse a schema that migrations of this version cannot start from."""
        if found is not None and found not in self._revisions():
            raise DatabaseUnusable(
                f"the database is at schema {found}, which this version does not know: it belongs to a newer version,"
                " or to another program; install that version, or correct DATABASE_URL"
            )

    def _config(self) -> Config:
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(self._migrations).replace("%", "%%"))
        return config

    def _revisions(self) -> list[str]:
        """Return every revision that this version knows, the newest last: each script's name begins with its own."""
        return sorted(script.stem.partition("_")[0] for script in (self._migrations / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    """Return the revision that Alembic noted; Alembic itself is loaded only where something is upgraded."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def before_commit(session: Session, action: Callable[[], None]) -> None:
    """Do ``action`` as the last thing of a :meth:`Database.transaction`, and not at all when it fails before."""
    session.info.setdefault(_AT_LAST, []).append(action)


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Do ``action`` once what a :meth:`Database.transaction` did is durable, and not at all when it is rolled back."""
    session.info.setdefault(_AFTERWARDS, []).append(action)


def is_one_of(column: InstrumentedAttribute[Any], *values: str) -> ColumnElement[bool]:
    """Say that ``column`` has one of ``values``, which are our own words and stand in the statement itself.

    A partial index is chosen only where the statement says the same as its condition.
    """
    return column.in_([literal_column(f"'{value}'") for value in values])


def append_only(table: str, dialect: str) -> tuple[str, ...]:
    """Return the statements, for a migration, that let the database refuse to change or delete rows of ``table``."""
    words = f"{table} is append-only"
    if dialect == "sqlite":
        return tuple(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{words}'); END"
            for verb in ("UPDATE", "DELETE")
        )
    return (
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{words}'; END $$",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()",
    )


def run_migrations(connection: Connection) -> None:
    """Run what Alembic asked for on ``connection``: the whole of a daemon's ``env.py``."""
    from alembic import context

    context.configure(connection=connection, transactional_ddl=True, render_as_batch=False)
    with context.begin_transaction():
        context.run_migrations()


def driver_words(error: DBAPIError) -> str:
    """Return the first line of what the driver says: it names hosts and files, never bound values."""
    return next(iter(str(error.orig).splitlines()), type(error.orig).__name__)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, DBAPIError) as error:
        raise DatabaseUnusable(f"the database cannot be used: {driver_words(error)}") from None
