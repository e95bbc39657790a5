"""Sending by the folders: handed over once, in order, and known to be taken when the MESH client took it."""

from __future__ import annotations

import errno
import io
import os
import shutil
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import (
    MeshAmbiguous,
    MeshForbidden,
    MeshGone,
    MeshPending,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
)
from shared.mesh.messages import MessageType, Taken
from shared.mesh_folder import client as client_module
from shared.mesh_folder.client import RECEIPTS
from tests.shared.mesh_folder.bench import BODY, LOCAL_ID, OURS, THEIRS, Mailbox, outgoing, refused

STEM = LOCAL_ID.replace(".", "-")


def hand_over(mailbox: Mailbox, **changes: object) -> None:
    with pytest.raises(MeshPending):
        mailbox.open().send(outgoing(**changes))


def failing(monkeypatch: pytest.MonkeyPatch, name: str, code: int, at: int = 1) -> None:
    """Let the operating system refuse one call of the given kind, and those after it."""
    change, calls = getattr(os, name), iter(range(1, 1000))

    def refuse(*arguments: Any, **more: Any) -> Any:
        if next(calls) >= at:
            raise OSError(code, os.strerror(code), "a path")
        return change(*arguments, **more)

    monkeypatch.setattr(os, name, refuse)


@pytest.mark.requirement("GPCM-SD-057", "GPCM-SD-059", "GPCM-SD-061")
def test_what_is_sent_arrives_as_it_was(mailbox: Mailbox) -> None:
    hand_over(mailbox)
    pair = mailbox.names("OUT")

    mailbox.java.send()

    assert pair == [f"{STEM}.ctl", f"{STEM}.dat"]
    (post,) = mailbox.posts()
    assert (post.body, post.addressed_to, post.sender) == (BODY, THEIRS, OURS)
    assert (post.workflow_id, post.local_id) == ("GPFED_CONSULT_REPORT", LOCAL_ID)
    assert post.subject == "Federated consultation report for Smith & Son , NHS Number 9690937278"
    assert mailbox.names("OUT") == []


def test_the_client_may_read_what_is_written_by_its_group_whatever_our_umask_is(mailbox: Mailbox) -> None:
    before = os.umask(0o077)
    hand_over(mailbox)
    os.umask(before)

    modes = {path.stat().st_mode & 0o777 for path in (mailbox.root / "OUT").iterdir()}

    assert modes == {0o660}


def test_a_message_is_sent_when_the_client_took_it_and_not_before(mailbox: Mailbox) -> None:
    at_once = mailbox.deliver(outgoing(), look_first=False)
    waiting = mailbox.deliver(outgoing(), look_first=True)
    mailbox.java.send()

    delivery = mailbox.deliver(outgoing(), look_first=True)

    assert (at_once, waiting) == (None, None)
    assert delivery is not None
    assert delivery.message_id == mailbox.posts()[0].message_id
    assert mailbox.heard.handed == [LOCAL_ID]


def test_what_is_on_its_way_is_never_written_again(mailbox: Mailbox) -> None:
    hand_over(mailbox)
    mailbox.java.send()

    hand_over(mailbox)

    assert mailbox.names("OUT") == []
    assert mailbox.open().track_local_id(LOCAL_ID).taken is Taken.ONCE


def test_a_client_that_works_on_a_message_has_not_sent_it(mailbox: Mailbox) -> None:
    hand_over(mailbox)
    for path in list((mailbox.root / "OUT").iterdir()):
        path.rename(mailbox.root / "TEMP" / path.name)

    assert mailbox.open().track_local_id(LOCAL_ID).taken is Taken.ON_ITS_WAY


@pytest.mark.parametrize("content", [b"no XML", None], ids=["unreadable", "no id in it"])
def test_a_copy_in_sent_that_tells_no_id_is_proof_enough(mailbox: Mailbox, content: bytes | None) -> None:
    hand_over(mailbox)
    for path in list((mailbox.root / "OUT").iterdir()):
        path.rename(mailbox.root / "SENT" / path.name)
    if content is not None:
        (mailbox.root / "SENT" / f"{STEM}.ctl").write_bytes(content)

    known = mailbox.open().track_local_id(LOCAL_ID)

    assert (known.taken, known.message_id) == (Taken.ONCE, None)


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOENT, errno.EIO], ids=["closed", "cleared away", "broken"])
def test_a_copy_in_sent_that_cannot_be_read_is_proof_enough(mailbox: Mailbox, code: int) -> None:
    hand_over(mailbox)
    mailbox.java.send()

    with refused("open", mailbox.root / "SENT" / f"{STEM}.ctl", code):
        known = mailbox.open().track_local_id(LOCAL_ID)

    assert (known.taken, known.message_id) == (Taken.ONCE, None)


@pytest.mark.parametrize("folder", ["OUT", "TEMP", "SENT", "FAILED"])
def test_a_folder_that_cannot_be_looked_into_is_an_outage_and_never_means_that_nothing_is_there(
    mailbox: Mailbox, folder: str
) -> None:
    hand_over(mailbox)
    for path in list((mailbox.root / "OUT").iterdir()):
        path.rename(mailbox.root / folder / path.name)
    client = mailbox.open()

    with refused("stat", mailbox.root / folder / f"{STEM}.ctl", errno.EACCES):
        for call in (lambda: client.track_local_id(LOCAL_ID), lambda: client.send(outgoing())):
            with pytest.raises(MeshForbidden, match="which permission is missing"):
                call()

    assert mailbox.names("OUT") == ([f"{STEM}.ctl", f"{STEM}.dat"] if folder == "OUT" else [])


def test_what_was_never_handed_over_is_not_known(mailbox: Mailbox) -> None:
    assert mailbox.open().track_local_id(LOCAL_ID).taken is Taken.NEVER


def test_a_share_that_is_not_mounted_proves_nothing(mailbox: Mailbox) -> None:
    hand_over(mailbox)
    shutil.move(mailbox.root, mailbox.root.with_name("elsewhere"))
    client = mailbox.open()

    for call in (
        lambda: client.track_local_id(LOCAL_ID),
        lambda: client.send(outgoing(local_id="another.1")),
        client.list_inbox,
        client.handshake,
    ):
        with pytest.raises(MeshUnreachable, match="MESH_FOLDER"):
            call()


@pytest.mark.parametrize(
    ("call", "code", "at", "error"),
    [
        ("fsync", errno.ENOSPC, 1, MeshUnavailable),
        ("fsync", errno.EIO, 4, MeshUnavailable),
        ("replace", errno.EROFS, 1, MeshForbidden),
        ("replace", errno.EACCES, 2, MeshAmbiguous),
        ("fsync", errno.EIO, 7, MeshAmbiguous),
    ],
    ids=["full disk", "broken disk", "read-only", "refused at the last step", "broken after the last step"],
)
def test_what_the_disk_refuses_is_said_without_a_name_and_tried_again(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, call: str, code: int, at: int, error: type[Exception]
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, call, code, at)
        with pytest.raises(error) as caught:
            mailbox.open().send(outgoing())

    mailbox.deliver(outgoing(), look_first=True)
    mailbox.java.send()

    assert type(caught.value) is error
    assert "a path" not in str(caught.value)
    assert [post.body for post in mailbox.posts()] == [BODY]


def test_what_no_control_file_may_carry_is_refused_before_anything_is_written(mailbox: Mailbox) -> None:
    with pytest.raises(MeshRefused, match="Mex-To is longer"):
        mailbox.open().send(outgoing(to="GPPROVIDER_" + "x" * 100))

    assert mailbox.names("OUT") == []


def test_a_body_may_be_a_file_and_a_very_large_one_may_go_in_chunks(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CHUNK_SIZE", 3)
    body = io.BytesIO(BODY)
    body.seek(5)

    hand_over(mailbox, body=body)

    assert (mailbox.root / "OUT" / f"{STEM}.dat").read_bytes() == BODY
    assert b"<AllowChunking>Y<" in (mailbox.root / "OUT" / f"{STEM}.ctl").read_bytes()


@pytest.mark.requirement("GPCM-SD-094")
@pytest.mark.parametrize("code", ["06", None], ids=["with a code", "without a code"])
def test_what_the_client_cannot_send_comes_back_as_a_report(mailbox: Mailbox, code: str | None) -> None:
    mailbox.java.fails_with = code
    hand_over(mailbox)
    mailbox.java.send()
    client = mailbox.open()

    delivery = mailbox.deliver(outgoing(), look_first=True)
    (message_id,) = client.list_inbox()
    with client.download(message_id, 100) as message:
        report, body = message.report, message.body
    client.acknowledge(message_id)

    assert delivery is not None
    assert delivery.message_id is None
    assert report is not None
    assert (report.code, report.local_id, report.workflow_id) == (code, LOCAL_ID, "GPFED_CONSULT_REPORT")
    assert body == b""
    assert mailbox.names("FAILED") == []
    assert mailbox.open().track_local_id(LOCAL_ID).taken is Taken.ONCE


def test_a_failure_that_says_success_or_nothing_is_a_failure_all_the_same(mailbox: Mailbox) -> None:
    hand_over(mailbox)
    for path in list((mailbox.root / "OUT").iterdir()):
        path.rename(mailbox.root / "FAILED" / path.name)
    control = mailbox.root / "FAILED" / f"{STEM}.ctl"
    good = b"<StatusRecord><Status>SUCCESS</Status><StatusCode>00</StatusCode></StatusRecord></DTSControl>"
    control.write_bytes(control.read_bytes().replace(b"</DTSControl>", good))

    headers = mailbox.open().head(mailbox.open().list_inbox()[0])

    assert headers.message_type is MessageType.REPORT
    assert headers.status_code is None
    assert headers.status_description == "the MESH client could not send it and put it into FAILED"


def test_notes_that_a_message_of_ours_went_well_are_cleared_away_and_nobody_elses(mailbox: Mailbox) -> None:
    mailbox.java.notes = True
    hand_over(mailbox)
    mailbox.java.send()
    (note,) = (mailbox.root / "IN").iterdir()
    theirs = mailbox.root / "IN" / "theirs.ctl"
    theirs.write_bytes(note.read_bytes().replace(LOCAL_ID.encode(), b"theirs.1"))

    listed = mailbox.open().list_inbox()

    assert listed == []
    assert mailbox.names("IN") == ["theirs.ctl"]


def test_it_is_told_since_when_the_client_takes_nothing(mailbox: Mailbox) -> None:
    client, began = mailbox.open(), mailbox.mesh.clock()
    client.shake_hands_daily()
    hand_over(mailbox)
    mailbox.mesh.clock.move(timedelta(hours=2))  # type: ignore[attr-defined]
    hand_over(mailbox, local_id="another.1")

    client.shake_hands_daily()

    assert mailbox.heard.waiting == [None, began]


def test_a_client_that_died_over_a_message_of_ours_stands_still_too(mailbox: Mailbox) -> None:
    client, began, temporary = mailbox.open(), mailbox.mesh.clock(), mailbox.root / "TEMP"
    (temporary / "theirs.ctl").write_bytes(b"")
    client.shake_hands_daily()
    hand_over(mailbox)
    for path in list((mailbox.root / "OUT").iterdir()):
        path.rename(temporary / path.name)
    client.shake_hands_daily()
    shutil.rmtree(temporary)

    client.shake_hands_daily()

    assert mailbox.heard.waiting == [None, began, None]


def test_data_that_follow_a_failed_control_file_go_with_it(mailbox: Mailbox) -> None:
    failed = mailbox.root / "FAILED"
    hand_over(mailbox)
    (mailbox.root / "OUT" / f"{STEM}.ctl").rename(failed / f"{STEM}.ctl")
    client = mailbox.open()
    listed = client.list_inbox()
    (mailbox.root / "OUT" / f"{STEM}.dat").rename(failed / f"{STEM}.dat")

    client.acknowledge(listed[0])

    assert listed == [f"FAILED-{STEM}"]
    assert mailbox.names("FAILED") == []


def test_data_alone_in_failed_are_told_of_unless_their_control_file_is_about_to_come(mailbox: Mailbox) -> None:
    hand_over(mailbox)
    control = (mailbox.root / "OUT" / f"{STEM}.ctl").rename(mailbox.root / "TEMP" / f"{STEM}.ctl")
    (mailbox.root / "OUT" / f"{STEM}.dat").rename(mailbox.root / "FAILED" / f"{STEM}.dat")
    mailbox.mesh.clock.move(timedelta(minutes=61))  # type: ignore[attr-defined]
    while_it_works = mailbox.open().list_inbox()
    control.unlink()
    client = mailbox.open()

    told = client.list_inbox()

    assert (while_it_works, told) == ([], [f"FAILED-{STEM}"])
    with pytest.raises(MeshProtocolError, match="no control file"):
        client.head(told[0])


def test_receipts_are_kept_for_two_years(mailbox: Mailbox) -> None:
    hand_over(mailbox)
    receipts = mailbox.state / RECEIPTS
    moment = mailbox.mesh.clock().timestamp()
    os.utime(receipts / STEM, (moment, moment))
    client = mailbox.open()
    client.shake_hands_daily()
    kept = list(receipts.iterdir())

    mailbox.mesh.clock.move(timedelta(days=731))  # type: ignore[attr-defined]
    client.shake_hands_daily()

    assert len(kept) == 1
    assert list(receipts.iterdir()) == []


def test_what_folders_cannot_answer_has_an_honest_answer(mailbox: Mailbox) -> None:
    client = mailbox.open()

    assert client.track("20261120180000000000_000001").status == "taken"
    assert client.number_of_chunks(outgoing()) == 1
    assert list(client.certificate_expiries()) == []
    with pytest.raises(MeshGone):
        client.resume(outgoing(), "an upload")
    client.close()
