"""The settings of the folders, what `check` says about them, and what is told of a MESH client that stands still."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import registered_receiver
from registered_receiver import ledger
from registered_receiver.settings import ReceiverSettings
from shared import log
from shared.config import load
from shared.connect import account_of, open_mesh, transport_checks
from shared.db import Database
from shared.errors import ConfigurationError, MeshUnreachable
from shared.folder_checks import folder_checks
from shared.mesh.client import MeshClient
from shared.mesh_folder.client import FolderClient
from shared.outage import Outage
from tests.fakes.databases import migrate
from tests.fakes.mesh_folders import control_file
from tests.shared.mesh_folder.bench import OURS, Mailbox, outgoing

API = {"MESH_URL": "https://mesh.example", "MESH_MAILBOX_PASSWORD": "password", "MESH_SHARED_KEY": "a key"}


def settings(directory: Path, **changes: str) -> ReceiverSettings:
    given = {"STATE_DIRECTORY": str(directory), "PRACTICE_ODS_CODE": "A81001", "MESH_MAILBOX_ID": OURS}
    return load(ReceiverSettings, given | changes)


def test_with_folders_nothing_of_the_api_is_needed(tmp_path: Path) -> None:
    by_folder = settings(tmp_path, MESH_TRANSPORT="Folder", MESH_FOLDER="/srv/mesh/ALDERMB1")

    assert (by_folder.mesh_transport, by_folder.mesh_folder) == ("folder", Path("/srv/mesh/ALDERMB1"))
    assert settings(tmp_path, **API).mesh_transport == "api"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["MESH_MAILBOX_PASSWORD", "MESH_SHARED_KEY", "MESH_URL"]),
        ({"MESH_TRANSPORT": "folder"}, ["MESH_FOLDER"]),
        ({"MESH_TRANSPORT": "folder", "MESH_FOLDER": "mesh"}, ["MESH_FOLDER"]),
        ({**API, "MESH_FOLDER": "/srv/mesh"}, ["MESH_FOLDER"]),
        ({**API, "MESH_TRANSPORT": "post"}, ["MESH_TRANSPORT"]),
    ],
    ids=["neither", "no folder", "relative", "both", "no such way"],
)
def test_what_the_chosen_way_lacks_is_named(tmp_path: Path, changes: dict[str, str], names: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, **changes)

    assert sorted(fault.where for fault in caught.value.faults) == names


def test_what_calls_mesh_itself_says_that_it_needs_the_api(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="MESH_TRANSPORT: must be api"):
        account_of(settings(tmp_path, MESH_TRANSPORT="folder", MESH_FOLDER="/srv/mesh"))


def took(_call: str, _duration: timedelta) -> None:
    """Take no notice of how long anything took."""


class Practice:
    """What a daemon makes of the folders: its log lines and alerts."""

    def __init__(self, mailbox: Mailbox, directory: Path) -> None:
        self.mailbox = mailbox
        migrations = Path(registered_receiver.__file__).parent / "migrations"
        self.database = Database(
            f"sqlite:///{directory}/state.sqlite3", schema="registered_receiver", migrations=migrations
        )
        migrate(self.database)
        self._stream = io.StringIO()
        log.configure("debug", "json", "test", self._stream)
        chosen = settings(mailbox.state, MESH_TRANSPORT="folder", MESH_FOLDER=str(mailbox.root))
        self.outage = Outage("MESH", mailbox.mesh.clock)
        self.client = open_mesh(chosen, mailbox.mesh.clock, self.outage, self.database, ledger.ALERTS, took)

    def events(self) -> list[str]:
        found = (json.loads(line)["event"] for line in self._stream.getvalue().splitlines())
        return [event for event in found if not event.startswith("alert.")]

    def alerts(self) -> list[tuple[str, bool]]:
        with self.database.snapshot() as session:
            return [(alert.kind, alert.closed_at is None) for alert in ledger.ALERTS.listing(session)]

    def round(self, **passing: float) -> None:
        self.mailbox.mesh.clock.move(timedelta(**passing))  # type: ignore[attr-defined]
        self.client.shake_hands_daily()


@pytest.fixture
def practice(mailbox: Mailbox, tmp_path: Path) -> Iterator[Practice]:
    practice = Practice(mailbox, tmp_path)
    yield practice
    practice.database.close()


def test_a_client_that_stands_still_opens_one_alert_that_closes_when_it_works(practice: Practice) -> None:
    practice.mailbox.deliver(outgoing(), look_first=False)
    for _ in range(3):
        practice.round(minutes=50)
    still = practice.alerts()
    practice.mailbox.java.send()
    practice.round(minutes=5)
    practice.round(minutes=5)

    assert isinstance(practice.client, FolderClient)
    assert still == [("mesh_client_stopped", True)]
    assert practice.alerts() == [("mesh_client_stopped", False)]
    assert practice.events() == ["mesh.client_stopped", "mesh.client_works"]


def test_folders_that_can_be_used_end_an_outage(practice: Practice) -> None:
    elsewhere = practice.mailbox.root.with_name("elsewhere")
    shutil.move(practice.mailbox.root, elsewhere)
    with pytest.raises(MeshUnreachable) as caught:
        practice.round(minutes=5)
    practice.outage.begins(caught.value, "collect")
    shutil.move(elsewhere, practice.mailbox.root)

    practice.round(minutes=5)

    assert practice.outage.since is None
    assert practice.events() == ["outage.began", "outage.ended"]


def test_the_api_is_opened_unless_folders_are_chosen(practice: Practice, tmp_path: Path) -> None:
    clock = practice.mailbox.mesh.clock

    with_api = open_mesh(settings(tmp_path, **API), clock, practice.outage, practice.database, ledger.ALERTS, took)

    assert isinstance(with_api, MeshClient)
    with_api.close()


def lines(mailbox: Mailbox) -> list[tuple[str, bool, str]]:
    chosen = settings(mailbox.state, MESH_TRANSPORT="folder", MESH_FOLDER=str(mailbox.root))
    found = transport_checks(chosen, mailbox.open(), mailbox.mesh.clock, online=True)
    return [(check.subject, check.ok, check.text) for check in found]


@pytest.fixture
def ready(mailbox: Mailbox) -> Mailbox:
    """Give folders with the rights that the documentation asks for."""
    for name in ("IN", "OUT", "SENT", "FAILED"):
        (mailbox.root / name).chmod(0o2770)
    return mailbox


def test_check_says_that_the_folders_are_right_and_what_lies_in_them(ready: Mailbox) -> None:
    ready.deliver(outgoing(), look_first=False)

    (folders, client) = lines(ready)

    assert folders[:2] == ("MESH folders", True)
    assert client == ("MESH client", True, "0 in IN, 1 in OUT, 0 in FAILED, 0 in TEMP")


def _no_access(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    # the tests may run as root, who may do anything
    patch.setattr(os, "access", lambda path, _mode: not str(path).endswith(("OUT", "SENT")))


def _sticky(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    (mailbox.root / "IN").chmod(0o3770)
    patch.setattr(os, "geteuid", lambda: 12345)


def _no_group(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    (mailbox.root / "OUT").chmod(0o770)
    patch.setattr(os, "geteuid", lambda: 12345)


def _open_to_all(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    for name in ("FAILED", "SENT"):
        (mailbox.root / name).chmod(0o2777)


def _missing(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    (mailbox.root / "FAILED").rmdir()


def _others_in(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    said = {"To_DTS": "CEDARMB1", "From_DTS": "BIRCHMB1"}
    (mailbox.root / "IN" / "A1.ctl").write_bytes(control_file("Data", "A1", said, None, mailbox.mesh.clock()))


def _others_sent(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    said = {"To_DTS": "BIRCHMB1", "From_DTS": "CEDARMB1"}
    (mailbox.root / "SENT" / "A1.ctl").write_bytes(control_file("Data", "A1", said, None, mailbox.mesh.clock()))


def _stuck(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    mailbox.deliver(outgoing(), look_first=False)
    mailbox.mesh.clock.move(timedelta(hours=2))  # type: ignore[attr-defined]


def _busy(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    _stuck(mailbox, patch)
    for path in list((mailbox.root / "OUT").iterdir()):
        path.rename(mailbox.root / "TEMP" / path.name)
    # what the client receives goes through TEMP as well
    said = {"To_DTS": OURS, "From_DTS": "BIRCHMB1"}
    (mailbox.root / "TEMP" / "A1.ctl").write_bytes(control_file("Data", "A1", said, None, mailbox.mesh.clock()))


def _closed(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def refuse(path: Any, *arguments: Any, **more: Any) -> os.stat_result:
        if str(path) == str(mailbox.root / "SENT"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *arguments, **more)

    patch.setattr(os, "stat", refuse)


def _temp_closed(mailbox: Mailbox, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "access", lambda path, _mode: not str(path).endswith("TEMP"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_busy, ["0 in OUT, 0 in FAILED, 1 in TEMP; it takes or sends nothing"]),
        (_closed, ["cannot be looked into: Permission denied"]),
        (_temp_closed, ["cannot read TEMP"]),
        (_no_access, ["cannot read and write OUT", "cannot read SENT"]),
        (_sticky, ["chmod -t"]),
        (_no_group, ["chmod g+s"]),
        (_open_to_all, ["look into SENT: run `chmod o-rwx", "look into FAILED: run `chmod o-rwx"]),
        (_missing, ["has no FAILED: MESH_FOLDER"]),
        (_others_in, ["IN holds another mailbox's messages than ALDERMB1's"]),
        (_others_sent, ["SENT holds another mailbox's messages than ALDERMB1's"]),
        (_stuck, ["1 in OUT, 0 in FAILED, 0 in TEMP; it takes or sends nothing"]),
    ],
)
def test_check_names_what_is_wrong_with_the_folders_and_what_to_do(
    ready: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Mailbox, pytest.MonkeyPatch], None],
    words: list[str],
) -> None:
    with monkeypatch.context() as patch:
        spoil(ready, patch)
        bad = [text for _, ok, text in lines(ready) if not ok]

    assert len(bad) == len(words)
    assert all(each in text for each, text in zip(words, bad, strict=True))
    assert "CEDARMB1" not in " ".join(bad)


def test_check_names_folders_on_different_file_systems(ready: Mailbox) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == ready.root.stat().st_dev:
        pytest.skip("there is no second file system here")
    elsewhere = Path(tempfile.mkdtemp(dir=memory))
    (ready.root / "SENT").rmdir()
    (ready.root / "SENT").symlink_to(elsewhere)

    bad = [text for _, ok, text in lines(ready) if not ok]
    elsewhere.rmdir()

    assert bad == ["the folders lie on different file systems: moving a file between them can then be done by halves"]


def test_with_the_api_check_shakes_hands_and_says_nothing_of_folders(tmp_path: Path, mailbox: Mailbox) -> None:
    def checks(**more: Any) -> list[str]:
        with mailbox.mesh.client(OURS) as client:
            return [
                each.subject for each in transport_checks(settings(tmp_path, **API), client, mailbox.mesh.clock, **more)
            ]

    assert checks(online=True) == ["MESH"]
    assert checks(online=False) == []


def test_what_cannot_be_listed_is_said(ready: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: object) -> None:
        raise PermissionError(13, "refused")

    monkeypatch.setattr(os, "listdir", refuse)
    monkeypatch.setattr(os, "scandir", refuse)

    bad = [check.text for check in folder_checks(ready.root, OURS, ready.mesh.clock) if not check.ok]

    assert bad == ["what lies in the folders cannot be read"]
