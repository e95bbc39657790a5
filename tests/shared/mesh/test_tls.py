"""The TLS context."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.tls import tls_context


def account(**files: Path) -> MeshAccount:
    return MeshAccount("https://mesh.example", MailboxId("B82002OT001"), "p", "k", **files)


def test_the_server_is_always_verified_by_name_and_certificate_from_tls_1_2_on() -> None:
    context = tls_context(account())

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_no_environment_variable_makes_the_session_keys_leak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    assert tls_context(account()).keylog_filename is None


def test_an_authority_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("not a certificate")

    for file in (rubbish, tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match="MESH_CA_FILE"):
            tls_context(account(ca_file=file))


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    rubbish = tmp_path / "certificate.pem"
    rubbish.write_text("not a certificate")

    with pytest.raises(ConfigurationError, match="MESH_CLIENT_CERT_FILE"):
        tls_context(account(client_cert_file=rubbish, client_key_file=rubbish))


def test_plain_http_within_this_machine_trusts_nobody() -> None:
    context = tls_context(MeshAccount("http://127.0.0.1:8700", MailboxId("B82002OT001"), "p", "k"))

    assert context.cert_store_stats() == {"x509": 0, "crl": 0, "x509_ca": 0}
    assert context.verify_mode is ssl.CERT_REQUIRED
