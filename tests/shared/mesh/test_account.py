"""The account: nothing unsafe can be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount

MAILBOX = MailboxId("B82002OT001")


@pytest.mark.parametrize(
    "url",
    [
        "https://msg.intspineservices.nhs.uk",
        "https://mesh.example:8443/",
        "http://127.0.0.1:8700",
        "http://localhost:8700",
        "http://[::1]:8700",
        "http://127.9.9.9",
        "https://mesh.example.",
        f"https://{'m' * 63}.example",
    ],
)
def test_https_goes_anywhere_and_plain_http_only_to_this_machine(url: str) -> None:
    assert MeshAccount(url, MAILBOX, "p", "k").url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://mesh.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://0.0.0.0",
        "ftp://127.0.0.1",
        "mesh.example",
        "https://",
        "https://mesh.example:port",
        "https://mesh.example:0",
        "https://[::1",
        "https://me:secret@mesh.example",
        "https://mesh.example/messageexchange",
        "https://mesh.example?x=1",
        "https://mesh.example#x",
        "https://mesh..example",
        "https://.mesh.example",
        f"https://{'m' * 64}.example",
        "https://mesh.example\\@elsewhere.example",
        "",
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        MeshAccount(url, MAILBOX, "p", "k")

    assert [fault.where for fault in refused.value.faults] == ["MESH_URL"]
    assert "secret" not in str(refused.value)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        MeshAccount("http://mesh.example", MAILBOX, "", "", client_key_file=Path("key.pem"))

    assert [fault.where for fault in refused.value.faults] == [
        "MESH_URL",
        "MESH_MAILBOX_PASSWORD",
        "MESH_SHARED_KEY",
        "MESH_CLIENT_CERT_FILE",
    ]


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ConfigurationError, match="MESH_CLIENT_KEY_FILE"):
        MeshAccount("https://mesh.example", MAILBOX, "p", "k", client_cert_file=Path("cert.pem"))


def test_the_secrets_are_not_shown() -> None:
    shown = repr(MeshAccount("https://mesh.example", MAILBOX, "my-password", "my-key"))

    assert "my-password" not in shown
    assert "my-key" not in shown
