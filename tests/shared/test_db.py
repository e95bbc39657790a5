"""The database on SQLite and PostgreSQL: transactions, times, the schema's version."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import bindparam, create_engine, delete, select, text, update
from sqlalchemy.exc import StatementError

import federated_sender
import registered_receiver
from federated_sender.outbox_tables import Blob
from federated_sender.tables import Alert
from shared import engine
from shared.db import DATABASE_AWAY, Database, after_commit
from shared.errors import DatabaseUnusable
from shared.inserts import insert_once, insert_or_lock

MIGRATIONS = Path(federated_sender.__file__).parent / "migrations"
AT = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, schema="federated_sender", migrations=MIGRATIONS)
    database.migrate()
    yield database
    database.close()


def alert(**changes: object) -> Alert:
    values = {"alert_id": "1", "kind": "k", "subject_id": "s", "opened_at": AT, "text": "t", "action": "a"}
    return Alert(**(values | changes))


def test_a_time_comes_back_in_utc_whatever_zone_it_had(database: Database) -> None:
    with database.transaction() as session:
        session.add(alert(opened_at=AT.astimezone(timezone(timedelta(hours=5)))))

    with database.snapshot() as session:
        stored = session.scalars(select(Alert.opened_at)).one()

    assert (stored, stored.tzinfo) == (AT, UTC)


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"), database.transaction() as session:
        session.add(alert(opened_at=datetime(2026, 11, 20, 18, 0)))  # noqa: DTZ001


def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as session:
            session.add(alert())
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    with database.snapshot() as session:
        assert session.scalars(select(Alert)).all() == []


def test_what_is_said_after_commit_is_said_once_and_only_when_it_is_durable(database: Database) -> None:
    said: list[str] = []

    def fail() -> None:
        with database.transaction() as session:
            after_commit(session, lambda: said.append("undone"))
            raise RuntimeError

    with database.transaction() as session:
        after_commit(session, lambda: said.append("kept"))
        before = list(said)
    with pytest.raises(RuntimeError):
        fail()

    assert (before, said) == ([], ["kept"])


def test_what_is_done_to_the_objects_of_a_snapshot_is_not_kept(database: Database) -> None:
    with database.transaction() as session:
        session.add(alert(text="as it was"))

    with database.snapshot() as session:
        session.scalars(select(Alert)).one().text = "changed"
        session.add(alert(alert_id="another"))
        session.scalars(select(Alert)).all()

    with database.snapshot() as session:
        assert session.scalars(select(Alert.text)).all() == ["as it was"]


def test_in_these_tests_a_snapshot_refuses_what_changes_or_locks_something(database: Database) -> None:
    for statement in (update(Alert).values(text="changed"), delete(Alert)):
        with database.snapshot() as session, pytest.raises(AssertionError, match="for reading"):
            session.execute(statement)


def test_what_is_done_one_by_one_is_durable_and_gives_what_it_returns(database: Database) -> None:
    with database.transaction() as session:
        session.add(alert(text="as it was"))
    close = update(Alert).where(Alert.text == bindparam("was")).values(text="changed").returning(Alert.text)

    with database.one_by_one() as connection:
        first, second = (connection.execute(close, {"was": "as it was"}).first() for _ in range(2))

    assert first is not None
    assert (tuple(first), second) == (("changed",), None)
    with database.snapshot() as session:
        assert session.scalars(select(Alert.text)).all() == ["changed"]


def test_inserting_twice_keeps_the_first(database: Database) -> None:
    with database.transaction() as session:
        first = insert_once(session, Blob, sha256="x", data=b"one")
        second = insert_once(session, Blob, sha256="x", data=b"two")

    with database.snapshot() as session:
        assert session.get_one(Blob, "x").data == b"one"
    assert (first, second) == (True, False)


def test_inserting_what_is_there_keeps_it_and_keeps_others_from_it(database: Database) -> None:
    order: list[str] = []
    held = threading.Event()

    def second() -> None:
        held.wait()
        with database.transaction() as session:
            insert_or_lock(session, Blob, sha256="x", data=b"two")
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with database.transaction() as session:
        insert_or_lock(session, Blob, sha256="x", data=b"one")
        held.set()
        order.append("first")
    thread.join()

    with database.snapshot() as session:
        assert session.get_one(Blob, "x").data == b"one"
    assert order == ["first", "second"]


def test_writers_that_read_first_lose_no_update(database: Database) -> None:
    with database.transaction() as session:
        session.add(alert(text="0"))

    def count() -> None:
        for _ in range(25):
            with database.transaction() as session:
                row = session.scalars(select(Alert).with_for_update()).one()
                row.text = str(int(row.text) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.snapshot() as session:
        assert session.scalars(select(Alert.text)).one() == "100"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_writer_waits_for_another_one_and_not_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_PATIENCE", 0.05)

    def write(alert_id: str) -> None:
        with database.transaction() as session:
            session.add(alert(alert_id=alert_id, subject_id=alert_id))

    with database.transaction() as session:
        session.add(alert())
        session.flush()
        with pytest.raises(DATABASE_AWAY, match="database is locked"):
            write("2")
    write("3")

    with database.snapshot() as session:
        assert set(session.scalars(select(Alert.alert_id))) == {"1", "3"}


def test_a_reader_sees_the_last_commit_while_somebody_writes(database: Database) -> None:
    with database.transaction() as writer:
        writer.add(alert())
        writer.flush()

        with database.snapshot() as reader:
            seen = reader.scalars(select(Alert)).all()

    assert seen == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_the_server_left_while_nobody_used_it_is_replaced_unseen(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.snapshot() as session:
        left = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = create_engine(database.engine.url)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": left})
    other.dispose()
    used = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: used + 60)

    with database.transaction() as session:
        session.add(alert())

    with database.snapshot() as session:
        assert session.scalars(select(Alert.alert_id)).one() == "1"


def test_a_database_that_cannot_be_opened_is_said_without_a_traceback(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/none/state.sqlite3", schema="x", migrations=MIGRATIONS)

    with pytest.raises(DatabaseUnusable, match="the database cannot be used: unable to open database file"):
        database.require_schema("example")
    database.close()


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_bytes(b"not a database " * 100)
    database = Database(f"sqlite:///{tmp_path}/state.sqlite3", schema="x", migrations=MIGRATIONS)

    with pytest.raises(DatabaseUnusable, match="file is not a database"):
        database.revision()
    database.close()


def test_a_newer_schema_is_refused_too(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseUnusable, match="is at schema 9999"):
        database.require_schema("federated-sender")


@pytest.mark.parametrize("daemon", [federated_sender, registered_receiver])
def test_the_names_of_the_migrations_tell_their_order(daemon: ModuleType, tmp_path: Path) -> None:
    migrations = Path(daemon.__file__ or "").parent / "migrations"
    database = Database(f"sqlite:///{tmp_path}/state.sqlite3", schema=daemon.__name__, migrations=migrations)
    scripts = ScriptDirectory.from_config(database._config())

    in_order = [script.revision for script in scripts.walk_revisions()][::-1]

    assert database._revisions() == in_order
    assert database.head() == scripts.get_current_head()
    database.close()
