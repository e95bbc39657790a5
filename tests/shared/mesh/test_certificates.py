"""When certificate files changed, and when they end."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.certificates import Expiry, expiries, version
from tests.sandbox.authority import DAY, Authority


def account(**files: Path) -> MeshAccount:
    return MeshAccount("https://mesh.example", MailboxId("B82002OT001"), "p", "k", **files)


def near(expiry: Expiry, days: int) -> bool:
    return abs(expiry.at - datetime.now(UTC) - days * DAY) < timedelta(hours=1)


def test_the_end_of_the_client_certificate_and_of_the_authorities_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    own = authority.issue("own", "own.example", ends_in=20 * DAY)

    client, ca = expiries(account(client_cert_file=own.certificate, client_key_file=own.key, ca_file=authority.file))

    assert (client.setting, ca.setting) == ("MESH_CLIENT_CERT_FILE", "MESH_CA_FILE")
    assert near(client, 20)
    assert near(ca, 365)


def test_of_a_client_file_the_first_certificate_counts_and_of_authorities_the_one_that_lasts_longest(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path, "ca")
    short, ended = authority.issue("own", "x", ends_in=5 * DAY), authority.issue("old", "x", ends_in=-5 * DAY)
    chain, bundle = tmp_path / "chain.pem", tmp_path / "bundle.pem"
    chain.write_bytes(short.key.read_bytes() + short.certificate.read_bytes() + authority.file.read_bytes())
    bundle.write_bytes(ended.certificate.read_bytes() + authority.file.read_bytes())

    client, ca = expiries(account(client_cert_file=chain, client_key_file=short.key, ca_file=bundle))

    assert near(client, 5)
    assert near(ca, 365)


def test_files_that_cannot_be_read_have_no_end(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate")

    assert expiries(account(ca_file=rubbish)) == []
    assert expiries(account(ca_file=tmp_path / "missing.pem")) == []
    assert expiries(account()) == []


@pytest.mark.parametrize(("hours", "days"), [(49, 2), (47, 1), (1, 0), (-1, -1)])
def test_the_days_left_are_whole_ones(hours: int, days: int) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)

    assert Expiry("MESH_CA_FILE", now + timedelta(hours=hours)).days_left(now) == days


def test_any_change_of_a_file_is_another_version(tmp_path: Path) -> None:
    file, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    file.write_text("one")
    mine = account(ca_file=file)
    versions = [version(mine)]

    file.write_text("two")
    os.utime(file, ns=(1, 1))
    versions.append(version(mine))
    other.write_text("two")
    os.utime(other, ns=(1, 1))
    other.rename(file)
    versions.append(version(mine))
    file.unlink()
    versions.append(version(mine))

    assert len(set(versions)) == 4
    assert version(mine) == version(mine)
