"""Our client and NHS England's own: what the one sends the other reads, byte by byte."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.mesh.client import MeshClient
from shared.mesh.messages import MessageType, OutgoingMessage
from tests.fakes.local_mesh import sandbox_python
from tests.sandbox.conftest import PUBLISHED, SHARED_KEY, PublishedMesh

pytestmark = pytest.mark.sandbox
OURS, THEIRS, _ = PUBLISHED
WORKFLOW = "TEST_WORKFLOW"
SCRIPT = Path(__file__).with_name("nhs_client.py")
WITHIN = 120
CHUNK = 10_000
# Text that gzip makes smaller, bytes that it does not, and lengths around the edges of the chunks.
BODIES = {
    "text": "Sore throat for 3 days \u2014 37,8 \u00b0C\r\n".encode() * 1000,
    "bytes": os.urandom(3 * CHUNK + 1),
    "two chunks exactly": os.urandom(2 * CHUNK),
    "one byte": b"x",
}
FORMS = {"plain": (75_000_000, False), "compressed": (75_000_000, True), "chunked": (CHUNK, False)}
FORMS["chunked and compressed"] = (CHUNK, True)


def nhs_client(mesh: PublishedMesh, mailbox_id: str, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Let NHS England's client make the calls, in a process of its own, and return what each gave."""
    wish = {
        "url": mesh.url,
        "mailbox_id": mailbox_id,
        "password": "password",
        "shared_key": SHARED_KEY,
        "certificate": [str(mesh.own.certificate), str(mesh.own.key)],
        "authority": str(mesh.authority_file),
        "calls": calls,
    }
    done = subprocess.run(
        [sandbox_python(), SCRIPT], input=json.dumps(wish), capture_output=True, text=True, timeout=WITHIN, check=False
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results


@pytest.fixture
def theirs(published: PublishedMesh) -> Iterator[MeshClient]:
    with published.client(THEIRS) as client:
        yield client


def chunks_of(body: bytes, size: int) -> int:
    return -(-len(body) // size)


def test_what_it_sends_we_read(published: PublishedMesh, theirs: MeshClient) -> None:
    wanted = [(body, *form) for body in BODIES.values() for form in FORMS.values()]
    sends = [
        (
            "send",
            {
                "to": THEIRS, "body": b64encode(body).decode(), "chunk_size": size, "compress": compress,
                "workflow_id": WORKFLOW, "subject": "A subject", "local_id": f"NHS.{number}",
                "content_type": "application/fhir+xml",
            },
        )
        for number, (body, size, compress) in enumerate(wanted)
    ]  # fmt: skip

    sent = nhs_client(published, OURS, ("shake_hands", {}), *sends)[1:]

    assert theirs.list_inbox() == sent
    for number, (message_id, (body, size, _)) in enumerate(zip(sent, wanted, strict=True)):
        message = theirs.download(message_id, 1_000_000)
        assert message.body == body
        assert message.headers == theirs.head(message_id)
        assert (message.headers.sender, message.headers.local_id) == (OURS, f"NHS.{number}")
        assert (message.headers.subject, message.headers.workflow_id) == ("A subject", WORKFLOW)
        assert message.headers.total_chunks == chunks_of(body, size)


def test_what_we_send_it_reads(published: PublishedMesh) -> None:
    wanted, sent = [(body, *form) for body in BODIES.values() for form in FORMS.values()], []
    for number, (body, size, compress) in enumerate(wanted):
        with published.client(OURS, chunk_size=size, compress=compress) as ours:
            sent.append(ours.send(OutgoingMessage(THEIRS, WORKFLOW, f"a1b2.{number}", "A subject", body)))

    listed, *received = nhs_client(
        published, THEIRS, ("list_inbox", {}), *[("receive", {"message_id": each}) for each in sent]
    )

    assert listed == sent
    for number, (message, (body, size, _)) in enumerate(zip(received, wanted, strict=True)):
        assert b64decode(message["body"]) == body
        assert (message["from"], message["to"], message["localid"]) == (OURS, THEIRS, f"a1b2.{number}")
        assert (message["subject"], message["workflowid"]) == ("A subject", WORKFLOW)
        assert message["chunk-range"] == f"1:{chunks_of(body, size)}"
        # Of a message in chunks, MESH tells the type of what they make together.
        assert "application/fhir+xml" in (message["content_type"], message.get("content-type"))


def test_each_acknowledges_what_the_other_sent(published: PublishedMesh, theirs: MeshClient) -> None:
    body = b64encode(BODIES["text"]).decode()
    with published.client(OURS) as ours:
        from_us = ours.send(OutgoingMessage(THEIRS, WORKFLOW, "a1b2.1", "A subject", BODIES["text"]))
        plain = {"to": THEIRS, "body": body, "chunk_size": CHUNK, "compress": False, "workflow_id": WORKFLOW}
        (from_it,) = nhs_client(published, OURS, ("send", plain))

        nhs_client(published, THEIRS, ("acknowledge", {"message_id": from_us}))
        theirs.acknowledge(from_it)

        assert theirs.list_inbox() == []
        assert ours.track(from_us).status == "acknowledged"
        (tracked,) = nhs_client(published, OURS, ("track", {"message_id": from_it}))
        assert tracked["status"] == "acknowledged"


def test_both_read_a_report_alike(published: PublishedMesh) -> None:
    with published.client(OURS) as ours:
        message_id = ours.send(OutgoingMessage(THEIRS, WORKFLOW, "a1b2.1", "A subject", b"<Bundle/>"))
        report_id = published.report_about(message_id, "error", "EPL-154", "Demographics do not match")

        report = ours.head(report_id)
        listed, read, _ = nhs_client(
            published, OURS, ("list_inbox", {}), ("receive", {"message_id": report_id}),
            ("acknowledge", {"message_id": report_id}),
        )  # fmt: skip

        assert listed == [report_id]
        assert report.message_type is MessageType.REPORT
        assert (read["messagetype"], read["body"]) == ("REPORT", "")
        assert (read["linkedmsgid"], read["statuscode"]) == (report.linked_message_id, report.status_code)
        assert report.linked_message_id == message_id
        assert ours.list_inbox() == []


def test_both_find_the_same_mailbox_for_an_organisation(published: PublishedMesh, theirs: MeshClient) -> None:
    wish = {"ods_code": "X26", "workflow_id": WORKFLOW}

    (found,) = nhs_client(published, OURS, ("look_up", wish))

    ours = [(each.mailbox_id, each.mailbox_name) for each in theirs.lookup("X26", WORKFLOW)]
    assert ours == [(each["mailbox_id"], each["mailbox_name"]) for each in found["results"]]
