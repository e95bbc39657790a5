"""The local MESH itself: what the demo and the black-box checks rely on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from shared.clock import system_clock
from shared.errors import MeshUnavailable
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.auth import authorization
from shared.mesh.client import MeshClient
from shared.mesh.messages import OutgoingMessage
from tests.fakes.local_mesh import ROOT, running_mesh, sandbox_python
from tests.sandbox.authority import Authority, Files
from tests.sandbox.conftest import BODY, CONFIG, PASSWORDS, RECEIVER, SENDER, SHARED_KEY, LocalMesh

pytestmark = pytest.mark.sandbox


def test_its_record_names_every_message_and_holds_no_patient_data(
    mesh: LocalMesh, sender: MeshClient, receiver: MeshClient, report: OutgoingMessage
) -> None:
    delivered = sender.send(report)
    failed = sender.send(replace(report, to="GPPROVIDER_9990000018_19570109_Smith", local_id="a1b2.2"))
    receiver.acknowledge(delivered)

    first, second, third = mesh.record()

    assert (first["message_id"], first["status"], first["local_id"]) == (delivered, "acknowledged", "a1b2.1")
    assert (first["sender"], first["recipient"], first["size"]) == (SENDER, RECEIVER, len(BODY))
    assert (second["message_id"], second["status"], second["code"]) == (failed, "error", "EPL-153")
    assert (third["message_type"], third["recipient"], third["linked_message_id"]) == ("REPORT", SENDER, failed)
    assert "9690937278" not in str(mesh.record())
    assert "Smith" not in str(mesh.record())


def test_messages_of_a_dropped_workflow_are_taken_and_never_delivered(
    mesh: LocalMesh, sender: MeshClient, receiver: MeshClient, report: OutgoingMessage
) -> None:
    message_id = sender.send(replace(report, workflow_id="LOST"))

    assert receiver.list_inbox() == []
    assert sender.track(message_id).status == "accepted"
    assert [entry["message_id"] for entry in mesh.record()] == [message_id]


def test_a_token_is_good_once(mesh: LocalMesh) -> None:
    token = authorization(SENDER, PASSWORDS[SENDER], SHARED_KEY, nonce=str(uuid4()), count=0, at=system_clock())
    inbox = f"{mesh.url}/messageexchange/{SENDER}/inbox"

    with httpx.Client(trust_env=False, headers={"Authorization": token}) as raw:
        statuses = [raw.get(inbox).status_code for _ in range(2)]

    assert statuses == [200, 403]


def test_it_ends_when_the_process_that_started_it_is_no_more(tmp_path: Path) -> None:
    (tmp_path / "mesh.json").write_text('{"shared_key": "k", "mailboxes": []}')
    serve = [str(sandbox_python()), "-W", "ignore", str(ROOT / "deploy/demo/mesh/serve.py"), "--max-seconds", "120"]
    serve += ["--config", str(tmp_path / "mesh.json"), "--ready-file", str(tmp_path / "mesh.port")]
    starter = (
        "import pathlib, subprocess, sys, time\n"
        "subprocess.Popen(sys.argv[2:], stdout=sys.stdout)\n"
        "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)\n"
    )
    ours, theirs = os.pipe()

    subprocess.run(
        [sys.executable, "-c", starter, tmp_path / "mesh.port", *serve], stdout=theirs, check=True, timeout=60
    )

    # The pipe comes to its end when its last holder, the orphan, is gone.
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        assert pipe.read() == b""


@pytest.fixture(scope="module")
def server_files(authority: Authority) -> Files:
    return authority.issue("local-mesh", "localhost")


@pytest.fixture(scope="module")
def tls_url(authority: Authority, server_files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    options: list[str | Path] = ["--certificate", server_files.certificate, "--key", server_files.key]
    mutual: list[str | Path] = ["--client-ca", authority.file]
    with running_mesh(CONFIG, tmp_path_factory.mktemp("tls"), *options, *mutual) as port:
        yield f"https://localhost:{port}"


def tls_client(url: str, **files: Path) -> MeshClient:
    account = MeshAccount(url, MailboxId(SENDER), PASSWORDS[SENDER], SHARED_KEY, **files)
    return MeshClient(account, system_clock, sleep=lambda _: None)


def test_with_its_certificate_a_mailbox_sends_over_mutual_tls(
    tls_url: str, authority: Authority, report: OutgoingMessage
) -> None:
    own = authority.issue("b82002.api.mesh-client.example", "b82002.api.mesh-client.example")
    files = {"client_cert_file": own.certificate, "client_key_file": own.key, "ca_file": authority.file}

    with tls_client(tls_url, **files) as client:
        message_id = client.send(report)

        assert client.track(message_id).recipient == RECEIVER


def test_without_its_certificate_a_mailbox_cannot_send_and_knows_that_nothing_was_taken(
    tls_url: str, authority: Authority, report: OutgoingMessage
) -> None:
    with tls_client(tls_url, ca_file=authority.file) as client, pytest.raises(MeshUnavailable):
        client.send(report)
