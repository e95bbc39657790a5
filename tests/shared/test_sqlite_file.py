"""Damaged database files: each is refused at the start with what to do, and stays as it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from federated_sender.__main__ import main
from shared import sqlite_file
from shared.errors import DatabaseUnusable
from tests.deploy.mistakes import Installation, installed

ROW = (
    "INSERT INTO report (report_id, consultation_id, state, content, content_sha256, created_at, changed_at, attempts)"
    " VALUES (:id, :id, 'waiting', :content, 'x', '2026-01-01', '2026-01-01', 0)"
)


def add(connection: sqlite3.Connection, ids: range) -> None:
    with connection:
        connection.executemany(ROW, [{"id": str(number), "content": "x" * 3_000} for number in ids])


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Give a sender with sixty reports."""
    installation = installed(main, tmp_path, monkeypatch)
    with closing(sqlite3.connect(installation.database)) as connection:
        add(connection, range(60))
    return installation


def not_a_database(file: Path) -> None:
    file.write_bytes(b"not a database " * 1_000)


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 8192 * 4096)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def overwritten_in_the_middle(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 8192 * 4096)
        opened.write(os.urandom(8_192))


def restored_beside_the_journal_of_the_lost_one(file: Path) -> None:
    lost, backup = file.with_name("lost"), file.with_name("backup")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"VACUUM INTO '{backup}'")
        add(connection, range(100, 160))
        shutil.copy(f"{file}-wal", lost)
    shutil.copy(backup, file)
    shutil.copy(lost, f"{file}-wal")


DAMAGES: dict[Callable[[Path], None], str] = {
    not_a_database: "is damaged and was left as it is: file is not a database",
    cut_short: "is damaged and was left as it is: database disk image is malformed",
    emptied: "is empty, as no database ever is",
    overwritten_in_the_middle: "is damaged and was left as it is: ",
    restored_beside_the_journal_of_the_lost_one: "federated-sender.sqlite3-wal beside it may be another database's",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_refused_by_every_command_that_would_write_and_stays_as_it_is(
    installation: Installation, damage: Callable[[Path], None]
) -> None:
    damage(installation.database)
    before = installation.database.read_bytes()

    ended = {words: installation.run(words) for words in ("run", "once", "migrate", "check")}

    assert {words: result.exit_code for words, result in ended.items()} == dict.fromkeys(ended, 1)
    for result in ended.values():
        assert DAMAGES[damage] in result.output
        assert str(installation.database) in result.output
    assert "restore the file" in ended["check"].output
    assert installation.database.read_bytes() == before


def test_a_file_that_cannot_be_opened_is_said_to_be_that_and_not_damaged(installation: Installation) -> None:
    installation.database.unlink()
    installation.database.mkdir()

    result = installation.run("run")

    assert result.exit_code == 1
    assert "the database cannot be used: " in result.output
    assert "damaged" not in result.output


def test_of_a_huge_file_the_documents_are_not_walked(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = installation.database
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO blob VALUES ('x', randomblob(200000))")
    for page in range(file.stat().st_size // 4096 - 10, file.stat().st_size // 4096 - 8):
        with file.open("r+b") as opened:
            opened.seek(page * 4096)
            opened.write(b"\xff" * 4)

    with pytest.raises(DatabaseUnusable, match="is damaged"):
        sqlite_file.require_sound(file)
    monkeypatch.setattr(sqlite_file, "_WHOLE_UP_TO", 1)

    sqlite_file.require_sound(file)


def test_of_a_huge_file_what_decides_about_reports_is_walked(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_WHOLE_UP_TO", 1)
    overwritten_in_the_middle(installation.database)

    with pytest.raises(DatabaseUnusable, match="is damaged"):
        sqlite_file.require_sound(installation.database)


def test_a_database_in_use_is_sound(installation: Installation) -> None:
    with closing(sqlite3.connect(installation.database)) as connection:
        add(connection, range(100, 160))

        assert is_sound(installation.database)


def is_sound(file: Path) -> bool:
    try:
        sqlite_file.require_sound(file)
    except DatabaseUnusable:
        return False
    return True
