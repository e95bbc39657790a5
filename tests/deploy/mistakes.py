"""A new installation, and the mistakes that people make in one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import weasyprint.text.ffi
from click.testing import CliRunner, Result

from federated_sender.__main__ import main as sender_command
from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from registered_receiver.__main__ import main as receiver_command
from shared.connect import account_of
from shared.mesh.client import MeshClient
from tests.fakes.mesh import SHARED_KEY, InMemoryMesh
from tests.sandbox.authority import Authority

NOBODY = 65534
FEDERATION = "ods_code,name,telephone\nA81001,Alder Practice,01632 960010\nB82002,Birch Surgery,01632 960020\n"


@dataclass
class Installation:
    """A new installation that is right until a mistake is made in it."""

    directory: Path
    command: click.Group
    values: dict[str, str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def env_file(self) -> Path:
        return self.directory / "practice.env"

    @property
    def database(self) -> Path:
        return self.directory / "state" / f"{self.command.name}.sqlite3"

    def set(self, **values: str) -> None:
        self.values |= values
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in self.values.items()))

    def run(self, *words: str) -> Result:
        # nothing of this machine's environment may help
        return CliRunner().invoke(self.command, ["--env-file", str(self.env_file), *words], env={"HOME": None})

    def write(self, name: str, content: str) -> str:
        file = self.directory / name
        file.write_text(content)
        file.chmod(0o600)
        return str(file)


def installed(command: click.Group, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    federation = directory / "federation.csv"
    federation.write_text(FEDERATION)
    values = {
        "STATE_DIRECTORY": f"{directory}/state",
        "PRACTICE_ODS_CODE": "A81001",
        # nothing listens on the discard port
        "MESH_URL": "http://127.0.0.1:9",
        "MESH_MAILBOX_ID": "ALDERMB1",
        "MESH_MAILBOX_PASSWORD": "a-password",
        "MESH_SHARED_KEY": "a-key",
    }
    if command is sender_command:
        values |= {"PRACTICE_NAME": "Alder", "PRACTICE_TELEPHONE": "01632 960010", "FEDERATION_FILE": f"{federation}"}
    installation = Installation(directory, command, values, monkeypatch)
    installation.set()
    installation.env_file.chmod(0o600)
    assert installation.run("migrate").exit_code == 0
    return installation


class Mistake(NamedTuple):
    """What somebody did, and the words that must be said: the name of what is wrong, and what to do about it."""

    make: Callable[[Installation], object]
    words: tuple[str, ...]
    refused: bool
    command: click.Group = sender_command
    online: bool = False


def unusable(make: Callable[[Installation], object], *words: str) -> Mistake:
    """A mistake that nothing starts with: exit status 78."""
    return Mistake(make, words, True)


def found(make: Callable[[Installation], object], *words: str) -> Mistake:
    """A mistake that `check` finds."""
    return Mistake(make, words, False)


def found_online(make: Callable[[Installation], object], *words: str) -> Mistake:
    """A mistake that `check --online` finds, with a MESH that answers."""
    return Mistake(make, words, False, online=True)


def setting(**values: str) -> Callable[[Installation], object]:
    return lambda installation: installation.set(**values)


def pointing(name: str, content: str) -> Callable[[Installation], object]:
    """Let the setting ``name`` name a file with ``content``."""
    return lambda here: here.set(**{name: here.write("given", content)})


def open_env_file(here: Installation) -> None:
    here.env_file.chmod(0o644)


def open_secret_file(here: Installation) -> None:
    here.set(MESH_MAILBOX_PASSWORD="", MESH_MAILBOX_PASSWORD_FILE=here.write("password", "a-password\n"))
    (here.directory / "password").chmod(0o644)


def open_state_directory(here: Installation) -> None:
    (here.directory / "state").chmod(0o755)


def open_database(here: Installation) -> None:
    file = here.directory / "elsewhere.sqlite3"
    here.set(DATABASE_URL=f"sqlite:///{file}")
    assert here.run("migrate").exit_code == 0
    file.chmod(0o644)


def state_directory_in_a_file(here: Installation) -> None:
    here.set(STATE_DIRECTORY=here.write("a-file", "") + "/state")


def no_database(here: Installation) -> None:
    here.database.unlink()


def newer_database(here: Installation) -> None:
    with sqlite3.connect(here.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def other_certificate(here: Installation) -> None:
    authority = Authority(here.directory, "ca")
    one, other = authority.issue("one", "one"), authority.issue("other", "other")
    other.key.chmod(0o600)
    here.set(MESH_CLIENT_CERT_FILE=str(one.certificate), MESH_CLIENT_KEY_FILE=str(other.key))


def expired_certificate(here: Installation) -> None:
    files = Authority(here.directory, "ca").issue("own", "own", ends_in=timedelta(days=-1))
    files.key.chmod(0o600)
    here.set(MESH_CLIENT_CERT_FILE=str(files.certificate), MESH_CLIENT_KEY_FILE=str(files.key))


def odd_line(here: Installation) -> None:
    here.env_file.write_text(here.env_file.read_text() + "SEND_DELAY PT3H\n")


def clock_that_says(unset: datetime) -> Callable[[Installation], object]:
    """Let this machine's clock stand at another time."""
    wired = partial(Sender, clock=lambda: unset)
    return lambda here: here.monkeypatch.setattr("federated_sender.app.Sender", wired)


def no_subsetting_library(here: Installation) -> None:
    here.monkeypatch.setattr(weasyprint.text.ffi, "harfbuzz_subset", None)


def no_pango(here: Installation) -> None:
    def stylesheet() -> None:
        raise OSError("cannot load library 'libpangoft2-1.0-0'")

    here.monkeypatch.setattr("federated_sender.layout._kept", stylesheet)


def secret_of_another_user(here: Installation) -> None:
    """Leave a secret as compose mounts one whose mode was not changed: root's alone, and the daemon is not root."""
    here.set(MESH_SHARED_KEY="", MESH_SHARED_KEY_FILE=here.write("shared-key", "a-key\n"))
    (here.directory / "shared-key").chmod(0)
    if os.geteuid() == 0:
        here.directory.chmod(0o755)
        for each in (here.directory / "state", here.env_file):
            os.chown(each, NOBODY, NOBODY)
        os.seteuid(NOBODY)


def mesh_that_answers(here: Installation, clock_off: timedelta = timedelta(0)) -> None:
    """Let the installation reach a MESH, which knows its mailbox; both are right until a mistake is made."""
    mesh = InMemoryMesh()
    mesh.add_mailbox("ALDERMB1", ods_code="A81001", password="a-password")

    def wired(settings: SenderSettings) -> Sender:
        def clock() -> datetime:
            return mesh.clock() + clock_off

        return Sender(settings, clock=clock, mesh=MeshClient(account_of(settings), clock, mesh.transport))

    here.monkeypatch.setattr("federated_sender.app.Sender", wired)
    here.set(MESH_SHARED_KEY=SHARED_KEY)


def clock_off_by(off: timedelta) -> Callable[[Installation], object]:
    return lambda here: mesh_that_answers(here, off)


MISTAKES = {
    "a setting is missing": unusable(setting(MESH_MAILBOX_ID=""), "MESH_MAILBOX_ID: is required"),
    "a setting is misspelt": unusable(
        setting(MESH_MAILBOX_PASWORD="x"), "MESH_MAILBOX_PASWORD: is not a setting; MESH_MAILBOX_PASSWORD is"
    ),
    "a line of the env file is no setting": unusable(odd_line, "practice.env line ", "is not NAME=value"),
    "the env file is not there": unusable(lambda here: here.env_file.unlink(), "practice.env is not there"),
    "a secret is given twice": unusable(
        setting(MESH_SHARED_KEY_FILE="/nowhere"),
        "MESH_SHARED_KEY: is set, and so is MESH_SHARED_KEY_FILE: choose one",
    ),
    "the file of a secret is not there": unusable(
        setting(MESH_SHARED_KEY="", MESH_SHARED_KEY_FILE="/nowhere"),
        "MESH_SHARED_KEY_FILE: names a file that cannot be read",
    ),
    "everybody may read the env file": found(open_env_file, "BAD --env-file: every user", "chmod o-rwx"),
    "everybody may read the file of a secret": found(
        open_secret_file, "BAD MESH_MAILBOX_PASSWORD_FILE: every user", "chmod o-rwx"
    ),
    "everybody may look into the state directory": found(open_state_directory, "BAD state directory", "chmod 700"),
    "everybody may read the database": found(open_database, "BAD database: every user", "chmod o-rwx"),
    "the state directory cannot be made": unusable(
        state_directory_in_a_file, "STATE_DIRECTORY: cannot be made", "a directory that this user can write"
    ),
    "the state directory is relative": unusable(
        setting(STATE_DIRECTORY="state"), "STATE_DIRECTORY: must be an absolute path"
    ),
    "the path of the database is relative": unusable(
        setting(DATABASE_URL="sqlite:///state.sqlite3"), "DATABASE_URL: ", "an absolute path (four slashes)"
    ),
    "the database was not migrated": found(no_database, "BAD database: ", "run `federated-sender migrate`"),
    "the database is of a newer version": found(
        newer_database, "BAD database: ", "9999, which this version does not know", "install that version"
    ),
    "the database is another file": found(
        lambda here: here.set(DATABASE_URL="sqlite:///" + here.write("a-file", "not a database " * 100)),
        "BAD database: ",
        "file is not a database",
        "correct DATABASE_URL",
    ),
    "PostgreSQL is not there": found(
        setting(DATABASE_URL="postgresql+psycopg://sender:a-password@127.0.0.1:1/consultations"),
        "BAD database: ",
        "port 1 failed",
        "correct DATABASE_URL",
    ),
    "the driver of PostgreSQL is not named": unusable(
        setting(DATABASE_URL="postgresql://sender@127.0.0.1/consultations"),
        "DATABASE_URL: must begin with sqlite:/// or postgresql+psycopg://",
    ),
    "the key is another certificate's": unusable(
        other_certificate, "MESH_CLIENT_CERT_FILE: ", "that fits the unencrypted key in MESH_CLIENT_KEY_FILE"
    ),
    "the certificate has no key": unusable(
        pointing("MESH_CLIENT_CERT_FILE", "a certificate"), "MESH_CLIENT_KEY_FILE: is required"
    ),
    "the certificate has expired": found(
        expired_certificate, "BAD MESH_CLIENT_CERT_FILE: ended on ", "order the new one now"
    ),
    "the file of authorities is no PEM": unusable(
        pointing("MESH_CA_FILE", "not PEM"), "MESH_CA_FILE: is not a readable PEM file"
    ),
    "MESH by plain http": unusable(
        setting(MESH_URL="http://mesh.example"), "MESH_URL: is plain http to another machine; only https"
    ),
    "the federation file is not there": unusable(
        setting(FEDERATION_FILE="/nowhere.csv"), "FEDERATION_FILE: names a file that is not there"
    ),
    "the federation file has no heading": unusable(
        pointing("FEDERATION_FILE", "B82002,Birch Surgery,01632 960020\n"),
        "FEDERATION_FILE: must begin with the line ods_code,name,telephone",
    ),
    "the federation file has a bad ODS code": unusable(
        pointing("FEDERATION_FILE", f"{FEDERATION}B82-002,Beech Surgery,01632 960030\n"),
        "FEDERATION_FILE line 4: ods_code is not an ODS code",
    ),
    "the federation file has this practice alone": found(
        pointing("FEDERATION_FILE", "ods_code,name,telephone\nA81001,Alder Practice,01632 960010\n"),
        "BAD federation: FEDERATION_FILE names no other practice",
    ),
    "a duration is none": unusable(setting(SEND_DELAY="3h"), "SEND_DELAY: must be", "such as PT3H"),
    "the mail server is half set up": unusable(
        setting(SMTP_URL="smtps://mail.example"),
        "ALERT_EMAIL_TO: is required, since SMTP_URL is set",
        "ALERT_EMAIL_FROM: is required",
    ),
    "PDS is half set up": unusable(
        setting(PDS_MODE="fhir", PDS_URL="https://pds.example"),
        "PDS_TOKEN_URL: is required with PDS_MODE=fhir",
        "PDS_PRIVATE_KEY_FILE: is required with PDS_MODE=fhir",
    ),
    "PDS is set up and not switched on": found(
        setting(PDS_URL="https://pds.example"), "BAD PDS: ", "PDS_URL is set", "set PDS_MODE=fhir"
    ),
    "the metrics are open to the network": unusable(
        setting(METRICS_ADDRESS="0.0.0.0:9464"), "METRICS_ADDRESS: must be a loopback address", "127.0.0.1:9464"
    ),
    "the clock is not set": found(
        clock_that_says(datetime(1970, 1, 1, tzinfo=UTC)),
        "BAD clock: 1970-01-01 00:00:00 UTC; it is not set: start time synchronisation",
    ),
    "the clock is hours off": found_online(clock_off_by(timedelta(hours=3)), "BAD MESH: ", "clock"),
    "the mailbox is another one": found_online(setting(MESH_MAILBOX_ID="WRONG"), "BAD MESH: ", "MESH_MAILBOX_ID"),
    "the mailbox's password is another one": found_online(
        setting(MESH_MAILBOX_PASSWORD="WRONG"), "BAD MESH: ", "MESH_MAILBOX_PASSWORD"
    ),
    "the shared key is another environment's": found_online(
        setting(MESH_SHARED_KEY="WRONG"), "BAD MESH: ", "MESH_SHARED_KEY"
    ),
    "Pango is not installed": found(
        no_pango, "BAD PDF libraries: Pango is missing: install the Debian package libpangoft2-1.0-0"
    ),
    "the library that makes printing fast is not installed": found(
        no_subsetting_library,
        "ok  PDF libraries: HarfBuzz-Subset, for speed, is missing: install the Debian package libharfbuzz-subset0",
    ),
    "a secret of the container is not readable for its user": unusable(
        secret_of_another_user, "MESH_SHARED_KEY_FILE: names a file that cannot be read (Permission denied)"
    ),
    "the patient index is empty": found(
        lambda _: None, "patient index: it is empty", "run `patients import FILE`"
    )._replace(command=receiver_command),
    "the drop directory is not there": found(
        setting(TASK_DROP_DIR="/nowhere"), "BAD drop directory: no folder can be made in /nowhere"
    )._replace(command=receiver_command),
}
