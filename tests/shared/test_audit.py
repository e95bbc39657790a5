from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from shared import audit
from shared.audit import Actor, actor

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def login_uid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file in which the kernel says who logged in: nobody did."""
    file = tmp_path / "loginuid"
    file.write_text("4294967295")
    monkeypatch.setattr(audit, "_LOGIN_UID", file)
    return file


@pytest.mark.requirement("FHIR-DOC-03")
def test_who_acts_is_what_the_kernel_says_whatever_the_environment_claims(
    login_uid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")

    who = actor()

    assert (who.name, who.uid) == (ME, os.getuid())
    assert who.role


def test_behind_sudo_stands_who_logged_in(login_uid: Path) -> None:
    login_uid.write_text("54321\n")

    assert actor().name == f"uid 54321 as {ME}"


@pytest.mark.parametrize("said", [str(os.getuid()), "4294967295", "", "?"])
def test_a_plain_login_is_named_once(login_uid: Path, said: str) -> None:
    login_uid.write_text(said)

    assert actor().name == ME


def test_a_kernel_that_says_nothing_is_no_fault(login_uid: Path) -> None:
    login_uid.unlink()

    assert actor().name == ME


def test_a_user_and_a_group_without_a_name_have_their_numbers(login_uid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
    monkeypatch.setattr(os, "getgid", lambda: 3_999_999_998)

    assert actor() == Actor("uid 3999999999", 3_999_999_999, "gid 3999999998")
