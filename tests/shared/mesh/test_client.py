"""The client against MESH in memory: the handshake, sending, tracking, looking up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
)
from shared.mesh.client import MeshClient
from shared.mesh.messages import Endpoint, OutgoingMessage, Taken
from shared.mesh.observer import Observer
from tests.fakes import mesh_faults as faults
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.mesh_wire import respond
from tests.shared.mesh.conftest import RECEIVER, SENDER

OUTBOX = f"/messageexchange/{SENDER}/outbox"


def test_a_handshake_proves_that_the_account_is_let_in(sender: MeshClient, mesh: InMemoryMesh) -> None:
    sender.handshake()

    assert mesh.requests == [("POST", f"/messageexchange/{SENDER}")]


def test_a_wrong_password_is_told_at_the_handshake(mesh: InMemoryMesh) -> None:
    account = replace(mesh.account(SENDER), password="wrong")

    with MeshClient(account, mesh.clock, mesh.transport, mesh.pauses.append) as client, pytest.raises(MeshForbidden):
        client.handshake()


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_hours_off_is_not_let_in(mesh: InMemoryMesh, hours: int) -> None:
    clock = MovableClock(mesh.clock() + timedelta(hours=hours))

    with MeshClient(mesh.account(SENDER), clock, mesh.transport) as client, pytest.raises(MeshForbidden):
        client.handshake()


@pytest.mark.requirement("GPCM-SD-056", "GPCM-SD-057")
def test_a_report_is_sent_to_the_registered_practice(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    message_id = sender.send(report)

    (posted,) = mesh.posts
    assert posted.message_id == message_id
    assert (posted.sender, posted.recipient, posted.workflow_id) == (SENDER, RECEIVER, "GPFED_CONSULT_REPORT")
    assert (posted.local_id, posted.subject, posted.body) == (report.local_id, report.subject, report.body)
    assert posted.content_type == "application/fhir+xml"


def test_nothing_is_posted_before_a_handshake_which_is_made_once_a_day(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    assert isinstance(mesh.clock, MovableClock)

    for pause in (0, 23, 1, 1, -3):
        mesh.clock.move(timedelta(hours=pause))
        sender.send(report)

    handshake, post = ("POST", f"/messageexchange/{SENDER}"), ("POST", OUTBOX)
    assert mesh.requests == [handshake, post, post, handshake, post, post, handshake, post]


def test_nothing_is_posted_when_the_handshake_fails(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    mesh.fail_next("POST", f"{SENDER}$", *[faults.reset_before] * 4)

    with pytest.raises(MeshUnavailable):
        sender.send(report)

    assert ("POST", OUTBOX) not in mesh.requests


@pytest.mark.parametrize(
    "fault",
    [faults.answer(302), faults.answer(400), faults.answer(404), faults.answer(410), faults.answer(417),
     faults.answer(200, b"x", content_encoding="gzip")],
    ids=["302", "400", "404", "410", "417", "corrupt"],
)  # fmt: skip
def test_a_refused_handshake_says_nothing_about_the_message(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage, fault: faults.Fault
) -> None:
    mesh.fail_next("POST", f"{SENDER}$", fault)

    with pytest.raises(MeshForbidden):
        sender.send(report)

    assert ("POST", OUTBOX) not in mesh.requests


def test_a_request_that_cannot_be_made_refuses_no_message(mesh: InMemoryMesh, report: OutgoingMessage) -> None:
    def unsendable(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("outbox"):
            raise httpx.LocalProtocolError("Illegal header value")
        return respond(200)

    with (
        MeshClient(mesh.account(SENDER), mesh.clock, httpx.MockTransport(unsendable)) as client,
        pytest.raises(MeshForbidden),
    ):
        client.send(report)


def test_only_a_good_answer_shows_mesh_at_work(mesh: InMemoryMesh) -> None:
    answered: list[bool] = []

    class Listening(Observer):
        def answered(self) -> None:
            answered.append(True)

    mesh.fail_next("GET", "inbox", faults.answer(404), faults.answer(302))

    with MeshClient(mesh.account(SENDER), mesh.clock, mesh.transport, mesh._pause, observer=Listening()) as client:
        for _ in range(2):
            with pytest.raises(MeshError):
                client.list_inbox()
        before = len(answered)
        client.list_inbox()

    assert (before, len(answered)) == (0, 1)


def test_after_a_refused_token_the_next_send_begins_with_a_handshake(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    mesh.fail_next("POST", "outbox", faults.answer(403))

    with pytest.raises(MeshForbidden):
        sender.send(report)
    sender.send(report)

    assert [path for _, path in mesh.requests] == [f"/messageexchange/{SENDER}", OUTBOX] * 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.connection_refused, MeshUnreachable),
        (faults.connect_timeout, MeshUnreachable),
        (faults.answer(429), MeshUnavailable),
        (faults.answer(425), MeshUnavailable),
        (faults.timeout_before, MeshAmbiguous),
        (faults.reset_before, MeshAmbiguous),
        (faults.answer(500), MeshAmbiguous),
        (faults.answer(503), MeshAmbiguous),
        (faults.answer(202, b"<html>captive portal</html>"), MeshAmbiguous),
        (faults.answer(200, b"x", content_encoding="gzip"), MeshAmbiguous),
        (faults.answer(307, location="/elsewhere"), MeshForbidden),
        (faults.answer(404), MeshForbidden),
        (faults.answer(405), MeshForbidden),
        (faults.answer(413), MeshRefused),
        (faults.answer(417), MeshRefused),
    ],
)
def test_a_send_that_fails_is_not_repeated_and_says_whether_it_may_be(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage, fault: faults.Fault, error: type[MeshError]
) -> None:
    mesh.fail_next("POST", "outbox", fault)

    with pytest.raises(MeshError) as raised:
        sender.send(report)

    assert type(raised.value) is error
    assert mesh.requests.count(("POST", OUTBOX)) == 1
    assert mesh.posts == []


@pytest.mark.parametrize("fault", [faults.timeout_after, faults.reset_after, faults.answer_after(502)])
def test_a_send_that_mesh_took_without_our_hearing_of_it_is_ambiguous(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage, fault: faults.Fault
) -> None:
    mesh.fail_next("POST", "outbox", fault)

    with pytest.raises(MeshAmbiguous):
        sender.send(report)

    assert len(mesh.posts) == 1


def test_an_unknown_mailbox_is_refused_with_the_id_that_the_later_report_links_to(
    sender: MeshClient, report: OutgoingMessage
) -> None:
    with pytest.raises(MeshRefused) as refused:
        sender.send(replace(report, to="NOWHERE01"))

    (report_id,) = sender.list_inbox()
    assert (refused.value.http_status, refused.value.code) == (417, "12")
    assert refused.value.message_id == sender.head(report_id).linked_message_id


def test_what_mesh_quotes_of_the_subject_does_not_reach_the_error(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    quoting = f'{{"detail":[{{"event":"SEND","code":"06","msg":"bad: {report.subject} {report.to}"}}]}}'
    mesh.fail_next("POST", "outbox", faults.answer(400, quoting.encode()))

    with pytest.raises(MeshRefused) as refused:
        sender.send(report)

    assert refused.value.code == "06"
    assert "Smith" not in f"{refused.value}{refused.value.message}"
    assert "9690937278" not in f"{refused.value}{refused.value.message}"


def test_a_message_that_no_header_can_carry_is_never_posted(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    with pytest.raises(MeshRefused):
        sender.send(replace(report, to="GPPROVIDER_9690937278_19570109_S\u00f8r"))

    assert mesh.requests == []


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("GPPROVIDER_9690937279_19570109_Smith", "EPL-152"),
        ("GPPROVIDER_9434765919_19570109_Smith", "EPL-153"),
        ("GPPROVIDER_9690937278_09011957_Smith", "EPL-154"),
        ("GPPROVIDER_9690937278_19570109_Jones", "EPL-154"),
    ],
)
def test_a_patient_who_cannot_be_traced_comes_back_as_a_report(
    sender: MeshClient, report: OutgoingMessage, address: str, code: str
) -> None:
    sent = sender.send(replace(report, to=address))

    (report_id,) = sender.list_inbox()
    headers = sender.head(report_id)
    assert (headers.status_code, headers.linked_message_id) == (code, sent)
    assert sender.track(sent).status == "error"


def test_what_was_sent_is_tracked_by_its_id(sender: MeshClient, receiver: MeshClient, report: OutgoingMessage) -> None:
    message_id = sender.send(report)
    receiver.acknowledge(message_id)

    tracked = sender.track(message_id)

    assert (tracked.message_id, tracked.status, tracked.recipient) == (message_id, "acknowledged", RECEIVER)


def test_what_was_sent_is_tracked_by_its_local_id(sender: MeshClient, report: OutgoingMessage) -> None:
    before = sender.track_local_id("a1b2.1")
    message_id = sender.send(report)
    once = sender.track_local_id("a1b2.1")
    sender.send(report)
    twice = sender.track_local_id("a1b2.1")

    assert before.taken is Taken.NEVER
    assert (once.taken, once.message_id) == (Taken.ONCE, message_id)
    assert (twice.taken, twice.message_id) == (Taken.SEVERAL_TIMES, None)


@pytest.mark.parametrize("status", [302, 400, 405, 410, 417])
def test_tracking_by_local_id_never_says_not_taken_when_mesh_did_not_say_so(
    sender: MeshClient, mesh: InMemoryMesh, status: int
) -> None:
    mesh.fail_next("GET", "tracking", faults.answer(status))

    with pytest.raises(MeshForbidden):
        sender.track_local_id("a1b2.1")


def test_an_organisation_is_looked_up_by_its_code_without_a_token(sender: MeshClient) -> None:
    assert sender.lookup("A81001", "GPFED_CONSULT_REPORT") == [Endpoint(RECEIVER, "Mailbox of A81001")]
    assert sender.lookup("A81001", "PATHOLOGY") == []


def test_a_mesh_that_is_away_is_unavailable_and_later_there_again(sender: MeshClient, mesh: InMemoryMesh) -> None:
    mesh.down()
    with pytest.raises(MeshUnavailable):
        sender.list_inbox()

    mesh.up()

    assert sender.list_inbox() == []


def test_many_threads_share_one_client_one_handshake_and_no_token(
    sender: MeshClient, mesh: InMemoryMesh, report: OutgoingMessage
) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(sender.send, [replace(report, local_id=f"a1b2.{n}") for n in range(40)]))

    assert len(set(ids)) == 40
    assert mesh.requests.count(("POST", f"/messageexchange/{SENDER}")) == 1
