"""Our client against NHS England's mesh-sandbox."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from shared.clock import system_clock
from shared.errors import ConfigurationError, MeshForbidden, MeshGone, MeshRefused
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.auth import authorization
from shared.mesh.client import MeshClient
from shared.mesh.delivery import Delivery, deliver
from shared.mesh.messages import Endpoint, MessageType, OutgoingMessage, Taken
from tests.sandbox.conftest import BODY, PASSWORDS, RECEIVER, SENDER, SHARED_KEY, LocalMesh

pytestmark = pytest.mark.sandbox


def test_a_mailbox_with_the_right_password_is_let_in(sender: MeshClient) -> None:
    sender.handshake()

    assert sender.list_inbox() == []


def test_a_wrong_password_is_not_let_in(mesh: LocalMesh) -> None:
    account = replace(mesh.account(SENDER), password="wrong")

    with MeshClient(account, system_clock, sleep=lambda _: None) as client, pytest.raises(MeshForbidden) as forbidden:
        client.handshake()

    assert forbidden.value.message == "Invalid Authentication Token"


def test_a_clock_that_is_hours_off_is_not_let_in(mesh: LocalMesh) -> None:
    def fast_clock() -> datetime:
        return system_clock() + timedelta(hours=3)

    with MeshClient(mesh.account(SENDER), fast_clock, sleep=lambda _: None) as client, pytest.raises(MeshForbidden):
        client.handshake()


@pytest.mark.requirement("GPCM-SD-056", "GPCM-SD-057", "GPCM-SD-062", "GPCM-SD-063", "GPCM-SD-064")
def test_a_report_finds_the_registered_practice_and_is_collected_there(
    sender: MeshClient, receiver: MeshClient, report: OutgoingMessage
) -> None:
    message_id = sender.send(report)

    assert receiver.list_inbox() == [message_id]
    headers = receiver.head(message_id)
    message = receiver.download(message_id, 1_000_000)
    receiver.acknowledge(message_id)
    assert receiver.list_inbox() == []
    assert message.headers == headers
    assert (headers.message_type, headers.workflow_id) == (MessageType.DATA, "GPFED_CONSULT_REPORT")
    assert (headers.sender, headers.recipient, headers.local_id) == (SENDER, RECEIVER, "a1b2.1")
    assert headers.subject == "Federated consultation report for Sor'en , NHS Number 9690937278"
    assert (message.body, message.truncated) == (report.body, False)


def test_a_message_larger_than_asked_for_is_cut(
    sender: MeshClient, receiver: MeshClient, report: OutgoingMessage
) -> None:
    message = receiver.download(sender.send(report), 100)

    assert (message.body, message.truncated) == (BODY[:100], True)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("GPPROVIDER_9690937286_19430517_Smith", "EPL-150"),
        ("GPPROVIDER_9434765919_19430517_Smith", "EPL-151"),
        ("GPPROVIDER_9690937279_19570109_Soren", "EPL-152"),
        ("GPPROVIDER_9990000018_19570109_Soren", "EPL-153"),
        ("GPPROVIDER_9690937278_09011957_Soren", "EPL-154"),
        ("GPPROVIDER_9690937278_19570109_Jones", "EPL-154"),
        ("GPPROVIDER_nonsense", "EPL-152"),
    ],
)
def test_a_patient_who_cannot_be_routed_is_accepted_and_reported_later(
    sender: MeshClient, report: OutgoingMessage, address: str, code: str
) -> None:
    sent = sender.send(replace(report, to=address))

    (report_id,) = sender.list_inbox()
    message = sender.download(report_id, 100)
    assert (message.headers.message_type, message.body) == (MessageType.REPORT, b"")
    assert (message.headers.status_code, message.headers.linked_message_id) == (code, sent)
    assert (message.headers.workflow_id, message.headers.local_id) == (report.workflow_id, report.local_id)
    assert sender.track(sent).status == "error"
    sender.acknowledge(report_id)
    assert sender.list_inbox() == []


def test_an_unknown_mailbox_is_refused_at_once(sender: MeshClient, report: OutgoingMessage) -> None:
    with pytest.raises(MeshRefused) as refused:
        sender.send(replace(report, to="NOWHERE01"))

    assert (refused.value.http_status, refused.value.event, refused.value.code) == (417, "SEND", "12")


def test_an_empty_message_is_refused_at_once(sender: MeshClient, report: OutgoingMessage) -> None:
    with pytest.raises(MeshRefused) as refused:
        sender.send(replace(report, body=b""))

    assert refused.value.http_status == 417


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_message_that_somebody_sent_in_chunks_is_put_together(
    mesh: LocalMesh, receiver: MeshClient, encoding: str
) -> None:
    chunks = [bytes([number]) * 5000 for number in (1, 2, 3)]
    outbox = f"{mesh.url}/messageexchange/{SENDER}/outbox"
    with httpx.Client(trust_env=False) as raw:
        message_id = ""
        for number, chunk in enumerate(chunks, 1):
            headers = {
                "Authorization": authorization(
                    SENDER, PASSWORDS[SENDER], SHARED_KEY, nonce=str(uuid4()), count=0, at=system_clock()
                ),
                "Accept": "application/vnd.mesh.v2+json",
                "Mex-To": RECEIVER,
                "Mex-WorkflowID": "GPFED_CONSULT_REPORT",
                "Mex-Chunk-Range": f"{number}:3",
                "Content-Encoding": encoding,
            }
            url = outbox if number == 1 else f"{outbox}/{message_id}/{number}"
            answer = raw.post(url, headers=headers, content=gzip.compress(chunk) if encoding else chunk)
            assert answer.status_code == 202
            message_id = message_id or answer.json()["message_id"]

    whole = receiver.download(message_id, 15_000)
    cut = receiver.download(message_id, 7000)

    assert whole.headers.total_chunks == 3
    assert (whole.body, whole.truncated) == (b"".join(chunks), False)
    assert (cut.body, cut.truncated) == (b"".join(chunks)[:7000], True)


def test_what_was_sent_is_tracked_by_both_its_ids(
    sender: MeshClient, receiver: MeshClient, report: OutgoingMessage
) -> None:
    assert sender.track_local_id(report.local_id).taken is Taken.NEVER

    message_id = sender.send(report)
    by_id, by_local_id = sender.track(message_id), sender.track_local_id(report.local_id)
    receiver.acknowledge(message_id)

    assert (by_id.message_id, by_id.status, by_id.recipient) == (message_id, "accepted", RECEIVER)
    assert (by_local_id.taken, by_local_id.message_id) == (Taken.ONCE, message_id)
    assert sender.track(message_id).status == "acknowledged"


def test_a_message_that_mesh_already_has_is_adopted(sender: MeshClient, report: OutgoingMessage) -> None:
    first = deliver(sender, report, look_first=True)
    again = deliver(sender, report, look_first=True)
    sender.send(report)
    thrice = deliver(sender, report, look_first=True)

    assert first.adopted is False
    assert again == Delivery(first.message_id, adopted=True)
    assert thrice == Delivery(None, adopted=True)


def test_an_organisation_is_looked_up(sender: MeshClient) -> None:
    assert sender.lookup("A81001", "GPFED_CONSULT_REPORT") == [Endpoint(RECEIVER, "Registered practice")]
    assert sender.lookup("A81001", "UNKNOWN") == []


def test_the_inbox_is_filtered_by_workflow(sender: MeshClient, receiver: MeshClient, report: OutgoingMessage) -> None:
    message_id = sender.send(report)
    other = sender.send(replace(report, to=RECEIVER, workflow_id="GPFED_CONSULT_REPORT_ACK"))

    assert receiver.list_inbox("!*_ACK*") == [message_id]
    assert receiver.list_inbox() == [message_id, other]


def test_the_inbox_is_listed_over_several_pages(
    sender: MeshClient, receiver: MeshClient, report: OutgoingMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.mesh.client.PAGE_SIZE", 10)
    ids = [sender.send(replace(report, body=b"x", to=RECEIVER)) for _ in range(25)]

    assert receiver.list_inbox() == ids


def test_what_is_not_there_is_gone(receiver: MeshClient) -> None:
    for call in (receiver.head, receiver.acknowledge, receiver.track):
        with pytest.raises(MeshGone):
            call("UNKNOWN")


def test_a_message_of_another_mailbox_is_not_given_out(
    sender: MeshClient, mesh: LocalMesh, report: OutgoingMessage
) -> None:
    message_id = sender.send(report)

    with MeshClient(mesh.account("A81001OT002"), system_clock, sleep=lambda _: None) as stranger:
        with pytest.raises(MeshForbidden):
            stranger.download(message_id, 100)
        with pytest.raises(MeshGone):
            stranger.head(message_id)


def test_plain_http_does_not_leave_this_machine() -> None:
    with pytest.raises(ConfigurationError, match="MESH_URL"):
        MeshAccount("http://192.0.2.1:8700", MailboxId(SENDER), "p", "k")
