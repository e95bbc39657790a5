"""Our client against NHS England's mesh-sandbox as published, over mutual TLS, with either of its stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared.clock import system_clock
from shared.errors import MeshError, MeshForbidden, MeshGone, MeshUnavailable
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from shared.mesh.messages import MessageType, OutgoingMessage, Taken
from tests.sandbox.authority import Authority
from tests.sandbox.conftest import PUBLISHED, PublishedMesh

pytestmark = pytest.mark.sandbox
OURS, THEIRS, OTHERS = PUBLISHED
WORKFLOW = "TEST_WORKFLOW"


@pytest.fixture
def ours(published: PublishedMesh) -> Iterator[MeshClient]:
    with published.client(OURS) as client:
        yield client


@pytest.fixture
def theirs(published: PublishedMesh) -> Iterator[MeshClient]:
    with published.client(THEIRS) as client:
        yield client


@pytest.fixture
def message() -> OutgoingMessage:
    return OutgoingMessage(THEIRS, WORKFLOW, "a1b2.1", "A subject", b"<Bundle/>" * 1000)


def test_a_message_is_sent_listed_looked_at_downloaded_and_acknowledged(
    ours: MeshClient, theirs: MeshClient, message: OutgoingMessage
) -> None:
    ours.handshake()
    message_id = ours.send(message)

    assert theirs.list_inbox() == [message_id]
    headers = theirs.head(message_id)
    received = theirs.download(message_id, 1_000_000)
    theirs.acknowledge(message_id)
    theirs.acknowledge(message_id)

    assert (received.headers, received.body, received.truncated) == (headers, message.body, False)
    assert (headers.message_type, headers.workflow_id, headers.sender) == (MessageType.DATA, WORKFLOW, OURS)
    assert (headers.recipient, headers.local_id, headers.subject) == (THEIRS, "a1b2.1", "A subject")
    assert theirs.list_inbox() == []
    assert ours.track(message_id).status == "acknowledged"


def test_a_message_is_tracked_by_both_its_ids(ours: MeshClient, message: OutgoingMessage) -> None:
    assert ours.track_local_id(message.local_id).taken is Taken.NEVER

    message_id = ours.send(message)
    tracked, known = ours.track(message_id), ours.track_local_id(message.local_id)
    ours.send(message)

    assert (tracked.message_id, tracked.status, tracked.recipient) == (message_id, "accepted", THEIRS)
    assert (known.taken, known.message_id) == (Taken.ONCE, message_id)
    assert ours.track_local_id(message.local_id).taken is Taken.SEVERAL_TIMES


def test_an_organisation_is_looked_up(ours: MeshClient) -> None:
    assert [each.mailbox_id for each in ours.lookup("X26", WORKFLOW)] == [THEIRS]
    assert ours.lookup("X26", "UNKNOWN") == []


def test_the_inbox_is_read_to_its_end_over_many_pages(
    ours: MeshClient, theirs: MeshClient, message: OutgoingMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.mesh.client.PAGE_SIZE", 10)
    ids = [ours.send(replace(message, body=b"x", local_id=f"a1b2.{number}")) for number in range(31)]

    assert theirs.list_inbox() == ids


# Reports.


@pytest.mark.parametrize(
    ("status", "code", "text", "routing"),
    [
        ("undeliverable", "14", "Message not collected by recipient after 5 days", False),
        ("error", "EPL-152", "Invalid NHS Number", True),
    ],
)
def test_a_report_says_what_became_of_which_message(
    published: PublishedMesh, ours: MeshClient, message: OutgoingMessage, status: str, code: str, text: str,
    routing: bool,
) -> None:  # fmt: skip
    message_id = ours.send(message)
    report_id = published.report_about(message_id, status, code, text)

    assert ours.list_inbox() == [report_id]
    downloaded = ours.download(report_id, 1000)
    report = downloaded.report
    ours.acknowledge(report_id)

    assert downloaded.body == b""
    assert report is not None
    assert (report.message_id, report.linked_message_id, report.local_id) == (report_id, message_id, "a1b2.1")
    assert (report.code, report.description, report.workflow_id) == (code, text, WORKFLOW)
    assert report.is_routing_failure is routing
    assert report.status_at is not None
    assert ours.list_inbox() == []


# What is not there, and who is not let in.


def test_what_does_not_exist_is_gone(ours: MeshClient) -> None:
    for call in (ours.head, ours.acknowledge, ours.track, lambda each: ours.download(each, 100)):
        with pytest.raises(MeshGone) as gone:
            call("UNKNOWN")
        assert gone.value.http_status == 404


@pytest.mark.parametrize("status", ["undeliverable", "error"])
def test_what_mesh_withdrew_is_gone_and_tracked_as_such(
    published: PublishedMesh, ours: MeshClient, theirs: MeshClient, message: OutgoingMessage, status: str
) -> None:
    message_id = ours.send(message)
    event = {"status": status, "code": "14", "event": "SEND", "description": "Not collected"}
    published.admin("POST", f"/admin/message/{message_id}/event", event)

    assert theirs.list_inbox() == []
    for call in (theirs.head, lambda each: theirs.download(each, 100)):
        with pytest.raises(MeshGone) as gone:
            call(message_id)
        assert gone.value.http_status == 410
    assert ours.track(message_id).status == status


def test_a_wrong_password_is_told_at_the_handshake_and_nothing_is_posted(
    published: PublishedMesh, ours: MeshClient, message: OutgoingMessage
) -> None:
    account = replace(published.account(), password="wrong")

    with MeshClient(account, system_clock, sleep=lambda _: None) as client:
        for call in (client.handshake, lambda: client.send(message), client.list_inbox):
            with pytest.raises(MeshForbidden) as forbidden:
                call()
            assert forbidden.value.http_status == 403

    assert ours.track_local_id(message.local_id).taken is Taken.NEVER


def test_a_wrong_shared_key_is_told_at_the_handshake(published: PublishedMesh) -> None:
    account = replace(published.account(), shared_key="wrong")

    with MeshClient(account, system_clock, sleep=lambda _: None) as client, pytest.raises(MeshForbidden):
        client.handshake()


def test_a_message_is_told_from_a_report(ours: MeshClient, theirs: MeshClient, message: OutgoingMessage) -> None:
    headers = theirs.head(ours.send(message))

    assert headers.message_type is MessageType.DATA
    assert headers.report is None


def test_the_messages_of_another_mailbox_are_not_given_out(
    published: PublishedMesh, ours: MeshClient, message: OutgoingMessage
) -> None:
    message_id = ours.send(message)

    with published.client(OTHERS) as stranger, pytest.raises(MeshForbidden):
        stranger.download(message_id, 100)


# Mutual TLS.


def test_without_a_client_certificate_nothing_is_posted_and_the_send_is_not_ambiguous(
    published: PublishedMesh, ours: MeshClient, message: OutgoingMessage
) -> None:
    account = replace(published.account(), client_cert_file=None, client_key_file=None)

    with MeshClient(account, system_clock, sleep=lambda _: None) as client, pytest.raises(MeshUnavailable):
        client.send(message)

    assert ours.track_local_id(message.local_id).taken is Taken.NEVER


def test_a_client_certificate_of_a_stranger_is_not_let_in(
    published: PublishedMesh, message: OutgoingMessage, tmp_path: Path
) -> None:
    files = Authority(tmp_path, "stranger").issue("client", "client.example")
    account = replace(published.account(), client_cert_file=files.certificate, client_key_file=files.key)

    with MeshClient(account, system_clock, sleep=lambda _: None) as client, pytest.raises(MeshUnavailable):
        client.send(message)


def refused_server(account: MeshAccount) -> MeshError:
    with MeshClient(account, system_clock, sleep=lambda _: None) as client, pytest.raises(MeshUnavailable) as refused:
        client.handshake()
    return refused.value


def test_a_server_that_another_authority_vouches_for_is_not_talked_to(published: PublishedMesh, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")

    assert "CERTIFICATE_VERIFY_FAILED" in str(refused_server(replace(published.account(), ca_file=stranger.file)))


def test_a_server_that_nobody_known_vouches_for_is_not_talked_to(published: PublishedMesh) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in str(refused_server(replace(published.account(), ca_file=None)))


def test_a_server_of_another_name_is_not_talked_to(published: PublishedMesh) -> None:
    account = replace(published.account(), url=f"https://127.0.0.1:{published.port}")

    assert "CERTIFICATE_VERIFY_FAILED" in str(refused_server(account))


def test_the_name_of_the_server_is_compared_in_the_certificate_not_in_the_environment(
    published: PublishedMesh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(published.authority_file))

    refused = refused_server(replace(published.account(), ca_file=Authority(tmp_path, "stranger").file))

    assert "CERTIFICATE_VERIFY_FAILED" in str(refused)
