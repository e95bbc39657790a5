"""Certificates that are renewed under a running client, against a server that demands them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.errors import MeshUnavailable
from shared.mesh.account import MeshAccount
from shared.mesh.certificates import Expiry
from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage, Taken
from shared.mesh.observer import Observer
from tests.fakes.clock import MovableClock
from tests.sandbox.authority import DAY, Authority, Files
from tests.sandbox.conftest import PUBLISHED, PublishedMesh

pytestmark = pytest.mark.sandbox
OURS, THEIRS, _ = PUBLISHED
A_WHILE = timedelta(seconds=30)


class Heard(Observer):
    """Keeps what was told of the certificates."""

    def __init__(self) -> None:
        self.changes = 0
        self.unusable: list[str] = []
        self.expiries: Sequence[Expiry] = ()

    def certificates_expire(self, expiries: Sequence[Expiry]) -> None:
        self.expiries = expiries

    def certificates_changed(self) -> None:
        self.changes += 1

    def certificates_unusable(self, error: str) -> None:
        self.unusable.append(error)


class Place:
    """Where the certificate and key of a client lie, to be replaced; and the client that reads them there."""

    def __init__(self, mesh: PublishedMesh, directory: Path) -> None:
        self.files = Files(directory / "own.pem", directory / "own.key")
        self.heard = Heard()
        self.clock = MovableClock(datetime.now(UTC))
        self.account: MeshAccount = replace(
            mesh.account(OURS), client_cert_file=self.files.certificate, client_key_file=self.files.key
        )

    def put(self, files: Files) -> None:
        """Replace the files as a renewal does, and let the moment pass in which nobody looks."""
        shutil.copy(files.certificate, self.files.certificate)
        shutil.copy(files.key, self.files.key)
        self.clock.move(A_WHILE)

    def client(self) -> MeshClient:
        return MeshClient(self.account, self.clock, sleep=lambda _: None, observer=self.heard)


@pytest.fixture
def place(published: PublishedMesh, tmp_path: Path) -> Place:
    place = Place(published, tmp_path)
    place.put(published.own)
    return place


@pytest.fixture
def stranger(tmp_path: Path) -> Files:
    return Authority(tmp_path, "stranger").issue("stranger-client", "client.example")


@pytest.fixture
def ours(published: PublishedMesh) -> Iterator[MeshClient]:
    with published.client(OURS) as client:
        yield client


@pytest.fixture
def message() -> OutgoingMessage:
    return OutgoingMessage(THEIRS, "TEST_WORKFLOW", "a1b2.1", "A subject", b"<Bundle/>")


def test_a_renewed_certificate_is_used_without_a_new_start(
    place: Place, stranger: Files, published: PublishedMesh, message: OutgoingMessage
) -> None:
    place.put(stranger)

    with place.client() as client:
        with pytest.raises(MeshUnavailable):
            client.send(message)
        place.put(published.own)
        client.send(message)

    assert place.heard.changes == 1


def test_nothing_is_posted_with_a_new_certificate_before_a_handshake_with_it(
    place: Place, stranger: Files, ours: MeshClient, message: OutgoingMessage
) -> None:
    with place.client() as client:
        client.send(replace(message, local_id="a1b2.0"))
        place.put(stranger)

        with pytest.raises(MeshUnavailable):
            client.send(message)

    assert ours.track_local_id(message.local_id).taken is Taken.NEVER


def test_an_unusable_certificate_leaves_the_former_in_use_until_there_is_a_good_one(
    place: Place, published: PublishedMesh, message: OutgoingMessage
) -> None:
    with place.client() as client:
        client.handshake()
        place.files.certificate.write_text("half a certific")
        place.clock.move(A_WHILE)
        client.send(message)
        client.send(message)
        told = list(place.heard.unusable)
        place.put(published.own)
        client.send(message)

    assert len(told) == 1
    assert "MESH_CLIENT_CERT_FILE" in told[0]
    assert place.heard.changes == 1


def test_a_certificate_whose_key_comes_a_moment_later_is_used_then(
    place: Place, authority: Authority, message: OutgoingMessage
) -> None:
    renewed = authority.issue("renewed.api.mesh-client.example", "renewed.api.mesh-client.example")

    with place.client() as client:
        client.send(message)
        shutil.copy(renewed.certificate, place.files.certificate)
        place.clock.move(A_WHILE)
        client.send(message)
        shutil.copy(renewed.key, place.files.key)
        place.clock.move(A_WHILE)
        client.send(message)

    assert (len(place.heard.unusable), place.heard.changes) == (1, 1)


def test_a_certificate_file_that_vanishes_stops_nothing(place: Place, message: OutgoingMessage) -> None:
    with place.client() as client:
        client.send(message)
        place.files.certificate.unlink()
        place.clock.move(A_WHILE)

        client.send(message)

    assert len(place.heard.unusable) == 1


def test_certificates_are_renewed_again_and_again_while_threads_send(
    place: Place, authority: Authority, ours: MeshClient, message: OutgoingMessage
) -> None:
    renewed = [authority.issue(f"renewed-{number}", "client.example") for number in range(4)]
    sent: list[str] = []

    with place.client() as client, ThreadPoolExecutor(4) as pool:
        for files in renewed:
            messages = [replace(message, local_id=f"a1b2.{len(sent) + number}") for number in range(12)]
            underway = pool.map(client.send, messages)
            place.put(files)
            sent += underway
        client.handshake()

    assert len(set(sent)) == 4 * 12
    assert {ours.track(each).status for each in sent} == {"accepted"}
    assert place.heard.changes >= 1


def test_the_end_of_the_certificates_is_told_at_each_handshake(place: Place, authority: Authority) -> None:
    soon = authority.issue("soon", "client.example", ends_in=10 * DAY)
    place.put(soon)

    with place.client() as client:
        client.handshake()

    ends = {each.setting: each.days_left(place.clock()) for each in place.heard.expiries}
    assert ends.keys() == {"MESH_CLIENT_CERT_FILE", "MESH_CA_FILE"}
    assert ends["MESH_CLIENT_CERT_FILE"] == 9 < 300 < ends["MESH_CA_FILE"]
