"""The process ends at every single change of a file, before or after it: nothing is lost and nothing doubled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from shared.mesh_folder.client import FolderClient
from tests.shared.mesh_folder.bench import BODY, OURS, THEIRS, Mailbox, make_mailbox, outgoing

CHANGES = ("open", "mkdir", "replace", "rename", "unlink", "fsync", "utime", "fchmod")


class Killed(BaseException):
    """The end of the process, as far as its code can tell."""


class Moment:
    """Counts the changes of files; before or after one of them something happens."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.number = number
        self.passed = 0
        self._act = act

    def pass_by(self) -> None:
        self.passed += 1
        if self.passed == self.number:
            self._act()

    @property
    def came(self) -> bool:
        return self.passed >= self.number


@contextmanager
def at(number: int, act: Callable[[], object]) -> Iterator[Moment]:
    """Let ``act`` happen at a moment of what is done meanwhile."""
    moment = Moment(number, act)
    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, _watched(getattr(os, name), moment))
        yield moment


def _watched(change: Callable[..., Any], moment: Moment) -> Callable[..., Any]:
    def watched(*arguments: Any, **more: Any) -> Any:
        moment.pass_by()
        done = change(*arguments, **more)
        moment.pass_by()
        return done

    return watched


def kill() -> None:
    raise Killed


@pytest.mark.parametrize(
    ("saves_sent", "works_meanwhile"),
    [(True, False), (False, True)],
    ids=["the client works later and keeps copies", "the client works meanwhile and keeps none"],
)
def test_a_message_whose_sender_is_killed_anywhere_reaches_mesh_once(
    tmp_path: Path, saves_sent: bool, works_meanwhile: bool
) -> None:
    came, number = True, 0
    while came:
        number += 1
        mailbox = make_mailbox(tmp_path / str(number))
        mailbox.java.saves_sent = saves_sent
        with at(number, kill) as moment, suppress(Killed):
            mailbox.deliver(outgoing(), look_first=False)
        came = moment.came

        if works_meanwhile:
            mailbox.java.send()
        first = mailbox.deliver(outgoing(), look_first=True)
        mailbox.java.send()
        delivery = first or mailbox.deliver(outgoing(), look_first=True)

        assert [post.body for post in mailbox.posts()] == [BODY], number
        assert delivery is not None, number
        assert delivery.message_id == (mailbox.posts()[0].message_id if saves_sent else None), number
        assert mailbox.names("OUT") == [], number
    assert number > 20


def test_a_message_whose_sender_is_killed_twice_reaches_mesh_once(tmp_path: Path) -> None:
    seen = set[tuple[str, ...]]()
    # before each change is enough: after one the disk is as before the next
    for first in count(1, 2):
        second, came = -1, True
        while came:
            second += 2
            mailbox = make_mailbox(tmp_path / f"{first}-{second}")
            with at(first, kill) as earlier, suppress(Killed):
                mailbox.deliver(outgoing(), look_first=False)
            state = tuple(sorted(path.name for path in tmp_path.glob(f"{first}-{second}/*/*/*")))
            if second == 1 and state in seen:
                break
            seen.add(state)

            with at(second, kill) as later, suppress(Killed):
                mailbox.deliver(outgoing(), look_first=True)
            came = later.came
            mailbox.deliver(outgoing(), look_first=True)
            mailbox.java.send()

            assert [post.body for post in mailbox.posts()] == [BODY], (first, second)
        if not earlier.came:
            break
    assert len(seen) > 5


def test_the_client_may_work_at_any_moment_of_a_send_and_takes_whole_messages_only(tmp_path: Path) -> None:
    came, number = True, 0
    while came:
        number += 1
        mailbox = make_mailbox(tmp_path / str(number))
        with at(number, mailbox.java.send) as moment:
            mailbox.deliver(outgoing(), look_first=False)
        came = moment.came
        mailbox.java.send()

        assert [post.body for post in mailbox.posts()] == [BODY], number


def take(client: FolderClient, kept: dict[str, bytes]) -> None:
    """Do what a collecting job does."""
    for message_id in client.list_inbox():
        client.head(message_id)
        with client.download(message_id, 1000) as message:
            kept[message_id] = message.body
        client.acknowledge(message_id)


def test_a_message_whose_receiver_is_killed_anywhere_is_kept_and_leaves_nothing_behind(tmp_path: Path) -> None:
    came, number = True, 0
    while came:
        number += 1
        mailbox, kept = make_mailbox(tmp_path / str(number)), dict[str, bytes]()
        message_id = mailbox.mesh.put(OURS, BODY, sender=THEIRS)
        mailbox.java.collect()
        with at(number, kill) as moment, suppress(Killed):
            take(mailbox.open(), kept)
        came = moment.came

        take(mailbox.open(), kept)

        assert kept == {message_id: BODY}, number
        assert mailbox.names("IN") == [], number
    assert number > 8


def test_a_copy_that_the_client_brings_while_the_first_is_being_let_go_stays_whole(mailbox: Mailbox) -> None:
    mailbox.mesh.put(OURS, BODY, sender=THEIRS)
    mailbox.java.collect()
    (control,) = (mailbox.root / "IN").glob("*.ctl")
    again = control.read_bytes()
    control.rename(control.with_name(f".{control.name}.done"))
    control.write_bytes(again)
    kept: dict[str, bytes] = {}

    take(mailbox.open(), kept)

    assert list(kept.values()) == [BODY]
    assert mailbox.names("IN") == []
