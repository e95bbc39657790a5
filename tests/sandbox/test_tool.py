"""The operator's tool, as a process, against NHS England's mesh-sandbox with mutual TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shared.mesh.__main__ import main
from tests.fakes.local_mesh import ROOT
from tests.sandbox.authority import Authority
from tests.sandbox.conftest import PUBLISHED, SHARED_KEY, PublishedMesh

pytestmark = [pytest.mark.sandbox, pytest.mark.parametrize("running_published", ["memory"], indirect=True)]
OURS, THEIRS, _ = PUBLISHED
WORKFLOW = "TEST_WORKFLOW"
BODY = os.urandom(50_000)


class Tool:
    """Runs ``python -m shared.mesh`` for one mailbox."""

    def __init__(self, mesh: PublishedMesh, mailbox_id: str) -> None:
        self.environment = {
            "MESH_URL": mesh.url,
            "MESH_MAILBOX_ID": mailbox_id,
            "MESH_MAILBOX_PASSWORD": "password",
            "MESH_SHARED_KEY": SHARED_KEY,
            "MESH_CLIENT_CERT_FILE": str(mesh.own.certificate),
            "MESH_CLIENT_KEY_FILE": str(mesh.own.key),
            "MESH_CA_FILE": str(mesh.authority_file),
        }

    def json(self, *arguments: str) -> Any:
        done = CliRunner().invoke(main, [*arguments, "--json"], env=self.environment)
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)


def test_an_operator_sends_a_file_finds_it_reads_it_and_acknowledges_it(
    published: PublishedMesh, tmp_path: Path
) -> None:
    ours, theirs = Tool(published, OURS), Tool(published, THEIRS)
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(BODY)

    assert ours.json("handshake")["mailbox_id"] == OURS
    send = ("send", str(sent), "--to", THEIRS, "--workflow", WORKFLOW, "--local-id", "a1b2.1")
    message_id = ours.json(*send)["message_id"]
    assert theirs.json("list") == [message_id]
    assert theirs.json("head", message_id)["workflow_id"] == WORKFLOW
    theirs.json("get", message_id, "--to", str(got))
    assert got.read_bytes() == BODY
    theirs.json("ack", message_id, "--yes")

    assert theirs.json("list") == []
    assert ours.json("track", message_id)["status"] == "acknowledged"
    assert ours.json("track-local", "a1b2.1")["message_id"] == message_id
    assert [each["mailbox_id"] for each in ours.json("lookup", "X26", WORKFLOW)] == [THEIRS]


def test_a_server_that_cannot_be_verified_is_told_and_nothing_else_is_printed(
    published: PublishedMesh, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    environment = Tool(published, OURS).environment | {"MESH_CA_FILE": str(stranger.file), "PATH": os.environ["PATH"]}

    done = subprocess.run(
        [sys.executable, "-m", "shared.mesh", "handshake"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
