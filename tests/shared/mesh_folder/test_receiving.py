"""Receiving by the folders: the inbox of the API, whatever lies in them."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import MeshGone, MeshProtocolError, MeshUnavailable
from shared.mesh_folder.client import FolderClient
from tests.fakes.mesh_folders import control_file
from tests.shared.mesh_folder.bench import BODY, OURS, THEIRS, Mailbox, outgoing, refused

HEADERS = {
    "From_DTS": THEIRS,
    "To_DTS": OURS,
    "Subject": "A subject",
    "LocalId": "their.1",
    "WorkflowId": "GPFED_CONSULT_REPORT",
}


def lay(
    mailbox: Mailbox, name: str, *, body: bytes | None = BODY, kind: str = "Data", message_id: str = "M1", **said: str
) -> Path:
    """Lay a message into IN, now; return its control file."""
    inbox = mailbox.root / "IN"
    if body is not None:
        (inbox / f"{name}.dat").write_bytes(body)
    control = inbox / f"{name}.ctl"
    control.write_bytes(control_file(kind, message_id, {**HEADERS, **said}, None, mailbox.mesh.clock()))
    for path in inbox.glob(f"{name}.*"):
        touch(mailbox, path)
    return control


def touch(mailbox: Mailbox, path: Path) -> None:
    moment = mailbox.mesh.clock().timestamp()
    os.utime(path, (moment, moment))


def pass_time(mailbox: Mailbox, **duration: float) -> None:
    mailbox.mesh.clock.move(timedelta(**duration))  # type: ignore[attr-defined]


def body_of(client: FolderClient, message_id: str, most: int = 1000) -> bytes:
    with client.download(message_id, most) as message:
        return message.body


@pytest.mark.requirement("GPCM-SD-059", "GPCM-SD-061")
def test_what_the_client_collects_is_the_inbox_of_the_api(mailbox: Mailbox) -> None:
    first = mailbox.mesh.put(OURS, BODY, sender=THEIRS, subject="A & B", local_id="their.1")
    second = mailbox.mesh.put(OURS, b"", sender=THEIRS, workflow_id="GPFED_CONSULT_REPORT_ACK")
    with mailbox.mesh.client(OURS) as api:
        expected = [(api.head(each), body) for each, body in ((first, BODY), (second, b""))]
    mailbox.java.collect()
    client = mailbox.open()

    listed = client.list_inbox()
    got = [(client.head(each), body_of(client, each)) for each in listed]

    assert listed == [first, second]
    for (ours, body), (apis, expected_body) in zip(got, expected, strict=True):
        assert body == expected_body
        for name in ("message_id", "message_type", "workflow_id", "sender", "recipient", "local_id", "subject"):
            assert getattr(ours, name) == getattr(apis, name), name


def test_a_report_has_no_data_and_is_the_apis(mailbox: Mailbox) -> None:
    with mailbox.mesh.client(OURS) as api:
        sent = api.send(outgoing())
        mailbox.mesh.report(sent)
        expected = api.head(api.list_inbox()[0]).report
    mailbox.java.collect()
    client = mailbox.open()

    (message_id,) = client.list_inbox()
    report = client.head(message_id).report

    assert report is not None
    assert expected is not None
    assert report.is_uncollected
    for name in ("message_id", "code", "event", "description", "local_id", "workflow_id", "status_at"):
        assert getattr(report, name) == getattr(expected, name), name
    assert body_of(client, message_id) == b""


def test_the_oldest_is_first_and_a_filter_knows_workflows_by_their_beginning(mailbox: Mailbox) -> None:
    lay(mailbox, "z", message_id="M1")
    pass_time(mailbox, seconds=1)
    lay(mailbox, "a", message_id="M2", WorkflowId="GPFED_CONSULT_REPORT_ACK")
    lay(mailbox, "b", message_id="M3", WorkflowId="TOC_FHIR_IP_DISCH")
    client = mailbox.open()

    assert client.list_inbox() == ["M1", "M2", "M3"]
    assert client.list_inbox("GPFED_CONSULT_REPORT*") == ["M1", "M2"]
    assert client.list_inbox("TOC_FHIR_IP_DISCH") == ["M3"]


def test_acknowledging_removes_the_files_of_that_message_alone_and_may_be_repeated(mailbox: Mailbox) -> None:
    lay(mailbox, "first", message_id="M1")
    lay(mailbox, "second", message_id="M2")
    client = mailbox.open()
    client.list_inbox()

    client.acknowledge("M1")
    client.acknowledge("M1")
    mailbox.open().acknowledge("M1")

    assert mailbox.names("IN") == ["second.ctl", "second.dat"]
    with pytest.raises(MeshGone):
        client.head("M1")


def test_a_message_that_vanishes_between_two_looks_is_gone(mailbox: Mailbox) -> None:
    control = lay(mailbox, "first")
    client = mailbox.open()
    client.list_inbox()
    control.unlink()
    control.with_suffix(".dat").unlink()

    with pytest.raises(MeshGone):
        client.download("M1", 100)
    client.acknowledge("M1")

    assert client.list_inbox() == []


def test_the_same_message_twice_is_one_after_the_other(mailbox: Mailbox) -> None:
    lay(mailbox, "first")
    lay(mailbox, "second")
    client = mailbox.open()

    seen = []
    while listed := client.list_inbox():
        seen.append(listed)
        client.acknowledge(listed[0])

    assert seen == [["M1"], ["M1"]]
    assert mailbox.names("IN") == []


@pytest.mark.requirement("GPCM-SD-038")
def test_the_address_that_mesh_routed_by_is_handed_on(mailbox: Mailbox) -> None:
    lay(mailbox, "first", To_DTS="GPPROVIDER_9690937278_19570109_Smith")

    assert mailbox.open().head("M1").recipient == "GPPROVIDER_9690937278_19570109_Smith"


def test_a_data_file_that_is_being_written_is_waited_for_and_after_an_hour_told_of(mailbox: Mailbox) -> None:
    control = lay(mailbox, "slow")
    content = control.read_bytes()
    control.unlink()
    client = mailbox.open()
    at_first = client.list_inbox()
    pass_time(mailbox, minutes=61)

    (told,) = client.list_inbox()
    with pytest.raises(MeshProtocolError, match="no control file"):
        client.head(told)
    control.write_bytes(content)

    assert at_first == []
    assert told.startswith("IN-sha256-")
    assert client.list_inbox() == ["M1"]


def test_a_control_file_without_data_is_told_of_until_the_data_come(mailbox: Mailbox) -> None:
    control = lay(mailbox, "early", body=None)
    client = mailbox.open()

    assert client.list_inbox() == ["M1"]
    assert client.head("M1").workflow_id == "GPFED_CONSULT_REPORT"
    with pytest.raises(MeshProtocolError, match="no data file"):
        client.download("M1", 100)
    control.with_suffix(".dat").write_bytes(BODY)
    client.list_inbox()

    assert body_of(client, "M1") == BODY


def _unreadable(control: Path) -> None:
    control.write_bytes(b"<DTSControl><DTSId>M1</DTSId>")


def _link(control: Path) -> None:
    control.rename(control.with_name("target"))
    control.symlink_to(control.with_name("target"))


def _directory(control: Path) -> None:
    control.unlink()
    control.mkdir()


def _pipe(control: Path) -> None:
    control.unlink()
    os.mkfifo(control)


def _replaced(old: bytes, new: bytes) -> Callable[[Path], None]:
    return lambda control: control.write_bytes(control.read_bytes().replace(old, new)) and None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_unreadable, "not XML"),
        (_link, "a link or no file"),
        (_directory, "a link or no file"),
        (_pipe, "a link or no file"),
        (_replaced(b"<DTSId>M1", b"<DTSId>"), "no DTSId"),
        (_replaced(b"<MessageType>Data", b"<MessageType>Memo"), "neither DATA nor REPORT"),
        (_replaced(b"<Encrypted>N", b"<Encrypted>Y"), "encrypted"),
        (_replaced(OURS.encode(), b"CEDARMB1"), "another mailbox"),
    ],
    ids=["cut short", "link", "directory", "pipe", "no id", "no type", "encrypted", "another mailbox"],
)
def test_what_cannot_be_a_message_is_named_stays_and_holds_nothing_up(
    mailbox: Mailbox, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(lay(mailbox, "20261120-A1"))
    pass_time(mailbox, seconds=1)
    lay(mailbox, "good", message_id="M2")
    client = mailbox.open()

    listed = client.list_inbox()
    with pytest.raises(MeshProtocolError, match=words) as caught:
        client.head("IN-20261120-A1")
    client.acknowledge("M2")

    assert set(listed) == {"IN-20261120-A1", "M2"}
    assert "CEDARMB1" not in str(caught.value)
    assert mailbox.open().list_inbox() == ["IN-20261120-A1"]
    assert "20261120-A1.dat" in mailbox.names("IN")


@pytest.mark.parametrize("name", ["Smith, John 9690937278", "naïve\n", os.fsdecode(b"\xff\xfe1")])
def test_a_file_with_an_odd_name_is_received_and_its_name_is_never_told(mailbox: Mailbox, name: str) -> None:
    lay(mailbox, name)
    client = mailbox.open()
    listed, body = client.list_inbox(), body_of(client, "M1")
    client.acknowledge("M1")
    (mailbox.root / "IN" / f"{name}.ctl").write_bytes(b"nonsense")

    (broken,) = client.list_inbox()

    assert (listed, body) == (["M1"], BODY)
    assert broken.isprintable()
    assert "Smith" not in broken
    assert "9690937278" not in broken


def test_data_that_are_still_compressed_are_unpacked_as_far_as_was_asked_for(mailbox: Mailbox) -> None:
    control = lay(mailbox, "packed", body=gzip.compress(BODY * 1000))
    _replaced(b"<IsCompressed>N", b"<IsCompressed>Y")(control)
    client = mailbox.open()

    with client.download("M1", len(BODY)) as beginning, client.download("M1", 10**6) as whole:
        assert (beginning.body, beginning.truncated) == (BODY, True)
        assert (whole.body, whole.truncated) == (BODY * 1000, False)


def test_data_that_only_say_so_cannot_be_had(mailbox: Mailbox) -> None:
    _replaced(b"<IsCompressed>N", b"<IsCompressed>Y")(lay(mailbox, "packed", body=b"not gzip"))

    with pytest.raises(MeshProtocolError, match="gzip"):
        mailbox.open().download("M1", 100)


def test_a_failed_message_that_cannot_be_read_is_told_of_too(mailbox: Mailbox) -> None:
    (mailbox.root / "FAILED" / "x1.ctl").write_bytes(b"nonsense")
    client = mailbox.open()

    assert client.list_inbox() == ["FAILED-x1"]
    with pytest.raises(MeshProtocolError, match="not XML"):
        client.head("FAILED-x1")


@pytest.mark.parametrize("folder", ["IN", "FAILED"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EBUSY])
def test_a_file_that_the_disk_does_not_give_holds_nothing_up(mailbox: Mailbox, folder: str, code: int) -> None:
    broken = lay(mailbox, "x1", body=None).rename(mailbox.root / folder / "x1.ctl")
    lay(mailbox, "good", message_id="M2")
    client = mailbox.open()

    with refused("open", broken, code):
        listed, body = client.list_inbox(), body_of(client, "M2")
        with pytest.raises(MeshProtocolError, match="cannot be read") as caught:
            client.head(f"{folder}-x1")

    assert (set(listed), body) == ({f"{folder}-x1", "M2"}, BODY)
    assert "a path" not in str(caught.value)


@pytest.mark.parametrize("folder", ["IN", "FAILED"])
def test_what_the_other_daemon_lets_go_meanwhile_is_not_told_of(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    data = lay(mailbox, "x1").with_suffix(".dat").rename(mailbox.root / folder / "x1.dat")
    (mailbox.root / "IN" / "x1.ctl").unlink()
    pass_time(mailbox, minutes=61)
    listdir = os.listdir

    def list_before_it_is_let_go(path: str) -> list[str]:
        names = listdir(path)
        if Path(path) == data.parent:
            (data.parent / ".x1.ctl.done").touch()
        return names

    monkeypatch.setattr(os, "listdir", list_before_it_is_let_go)

    assert mailbox.open().list_inbox() == []


def test_a_file_without_a_time_comes_last_and_data_without_one_are_told_of(mailbox: Mailbox) -> None:
    first = lay(mailbox, "a")
    lay(mailbox, "b", message_id="M2")
    client = mailbox.open()

    with refused("stat", first, errno.EIO):
        listed = client.list_inbox()
    first.unlink()
    with refused("stat", first.with_suffix(".dat"), errno.EIO):
        alone = client.list_inbox()

    assert listed == ["M2", "M1"]
    assert alone[0] == "M2"
    with pytest.raises(MeshProtocolError, match="cannot be read and no control file"):
        client.head(alone[1])


def test_links_to_nothing_and_to_themselves_are_told_of(mailbox: Mailbox) -> None:
    inbox = mailbox.root / "IN"
    (inbox / "x1.ctl").symlink_to(inbox / "x1.ctl")
    (inbox / "x2.ctl").symlink_to(inbox / "nothing")
    lay(mailbox, "good")

    assert set(mailbox.open().list_inbox()) == {"IN-x1", "IN-x2", "M1"}


def test_a_note_that_cannot_be_removed_holds_nothing_up(mailbox: Mailbox) -> None:
    mailbox.java.notes = True
    mailbox.deliver(outgoing(), look_first=False)
    mailbox.java.send()
    (note,) = (mailbox.root / "IN").iterdir()
    lay(mailbox, "good")

    with refused("unlink", note, errno.EPERM):
        listed = mailbox.open().list_inbox()

    assert listed == ["M1"]


def test_a_process_without_a_descriptor_left_blames_no_file(mailbox: Mailbox) -> None:
    control = lay(mailbox, "x1")

    with refused("open", control, errno.EMFILE), pytest.raises(MeshUnavailable):
        mailbox.open().list_inbox()
