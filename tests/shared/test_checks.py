"""The lines of ``check`` about MESH."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.checks import certificate_checks, mesh_check
from shared.clock import system_clock
from shared.mesh.client import MeshClient
from tests.fakes.mesh import InMemoryMesh
from tests.sandbox.authority import DAY, Authority

MAILBOX = "B82002OT001"


@pytest.fixture
def mesh() -> InMemoryMesh:
    mesh = InMemoryMesh()
    mesh.add_mailbox(MAILBOX)
    return mesh


@pytest.mark.parametrize(
    ("days", "ok", "words"),
    [
        (90, True, "89 days from now"),
        (29, True, "28 days from now; order the new one now"),
        (13, False, "12 days from now; order the new one now"),
    ],
)
def test_check_tells_when_the_certificate_ends(
    mesh: InMemoryMesh, tmp_path: Path, days: int, ok: bool, words: str
) -> None:
    own = Authority(tmp_path, "ca").issue("own", "x", ends_in=days * DAY)
    account = replace(mesh.account(MAILBOX), client_cert_file=own.certificate, client_key_file=own.key)

    with MeshClient(account, mesh.clock, mesh.transport) as client:
        (check,) = certificate_checks(client, system_clock)

    assert (check.subject, check.ok) == ("MESH_CLIENT_CERT_FILE", ok)
    assert check.text.endswith(words)


def test_check_tells_that_the_authorities_have_ended(mesh: InMemoryMesh, tmp_path: Path) -> None:
    def next_year() -> datetime:
        return system_clock() + timedelta(days=400)

    account = replace(mesh.account(MAILBOX), ca_file=Authority(tmp_path, "ca").file)

    with MeshClient(account, mesh.clock, mesh.transport) as client:
        (check,) = certificate_checks(client, next_year)

    assert not check.ok
    assert check.text.startswith("ended on ")


def test_without_certificate_files_there_is_nothing_to_tell(mesh: InMemoryMesh) -> None:
    with mesh.client(MAILBOX) as client:
        assert list(certificate_checks(client, system_clock)) == []


def test_a_handshake_is_right_or_says_what_to_do(mesh: InMemoryMesh) -> None:
    with mesh.client(MAILBOX) as client:
        right = mesh_check(client)
        mesh.down()
        away = mesh_check(client)
    mesh.up()
    with MeshClient(replace(mesh.account(MAILBOX), password="wrong"), mesh.clock, mesh.transport) as client:
        refused = mesh_check(client)

    assert (right.ok, away.ok, refused.ok) == (True, False, False)
    assert "check MESH_URL" in away.text
    assert "certificate" in away.text
    assert "MESH_MAILBOX_PASSWORD" in refused.text
