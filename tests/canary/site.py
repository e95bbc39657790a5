"""An installation whose secrets are canaries, and somebody in the way who quotes whatever they are sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.fakes.pds_server import make_key, pem

SECRETS = {
    "MESH_MAILBOX_PASSWORD": "tarantula-mailbox-7",
    "MESH_SHARED_KEY": "scorpion-shared-8",
    "SMTP_PASSWORD": "hornet-smtp-9",
    "PDS_API_KEY": "wasp-api-10",
}
DATABASE_PASSWORD = "centipede-database-11"
PASSPHRASE = "millipede-phrase-12"


def secrets_in(text: str) -> set[str]:
    """Return the secrets in ``text``; of the private key any line of its body counts."""
    return {secret for secret in (*SECRETS.values(), DATABASE_PASSWORD, PASSPHRASE, *KEY_LINES) if secret in text}


KEY: RSAPrivateKey = make_key()
KEY_LINES = pem(KEY).decode().splitlines()[1:-1]


@dataclass
class Site:
    """An installation whose secrets are canaries."""

    directory: Path
    values: dict[str, str]

    @property
    def env_file(self) -> Path:
        file = self.directory / "practice.env"
        file.write_text("".join(f"{name}={value}\n" for name, value in self.values.items()))
        file.chmod(0o600)
        return file


class Quoting(BaseHTTPRequestHandler):
    """Refuses everything, and quotes what it was sent."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        said = f"{self.headers}{self.rfile.read(length).decode('latin-1')}"
        body = json.dumps({"detail": [{"event": "SEND", "code": "02", "msg": said}], "error": said}).encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""
