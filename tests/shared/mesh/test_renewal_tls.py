"""Certificates that are replaced while real connections with mutual TLS are open."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from tests.fakes.clock import MovableClock
from tests.sandbox.authority import Authority, Files

LONG_ENOUGH = 20.0


class Doorkeeper(ThreadingHTTPServer):
    """Asks for a client certificate and remembers whose it was; lists an empty inbox, or ``holds`` the answer."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        own = authority.issue("server", "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.certificate, own.key)
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_REQUIRED
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.callers: list[str] = []
        self.hold = False
        self.held, self.released = Event(), Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server, peer = self.server, self.connection
        assert isinstance(server, Doorkeeper)
        assert isinstance(peer, ssl.SSLSocket)
        subject = (peer.getpeercert() or {})["subject"]
        server.callers.append(str(subject[0][0][1]))  # type: ignore[index]
        if server.hold:
            server.hold = False
            server.held.set()
            server.released.wait(LONG_ENOUGH)
        body = b'{"messages": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@pytest.fixture
def door(authority: Authority) -> Iterator[Doorkeeper]:
    server = Doorkeeper(authority)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_call_that_runs_finishes_and_the_next_one_shows_the_new_certificate(
    authority: Authority, door: Doorkeeper, tmp_path: Path
) -> None:
    files, clock = Files(tmp_path / "client.pem", tmp_path / "client.key"), MovableClock()
    install(authority.issue("first", "x"), files)
    url, mailbox = f"https://localhost:{door.server_address[1]}", MailboxId("B82002OT001")
    account = MeshAccount(url, mailbox, "p", "k", files.certificate, files.key, authority.file)

    with MeshClient(account, clock) as client:
        client.list_inbox()
        door.hold = True
        found: list[list[str]] = []
        running = Thread(target=lambda: found.append(client.list_inbox()))
        running.start()
        assert door.held.wait(LONG_ENOUGH)
        install(authority.issue("second", "x"), files)
        clock.move(timedelta(seconds=6))
        client.list_inbox()
        door.released.set()
        running.join(LONG_ENOUGH)

    assert door.callers == ["first", "first", "second"]
    assert found == [[]]


def install(new: Files, files: Files) -> None:
    shutil.copy(new.certificate, files.certificate)
    shutil.copy(new.key, files.key)
