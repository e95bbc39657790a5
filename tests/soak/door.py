"""MESH behind mutual TLS on a socket of this machine, for as long as one likes: it forgets what is over."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import httpx

from tests.fakes.fault_server import raw_body
from tests.fakes.mesh import InMemoryMesh
from tests.sandbox.authority import Files

_REMEMBERED = timedelta(days=1)


class ForgetfulMesh(InMemoryMesh):
    """A MESH whose record hardly grows: after a day it knows no more of what was acknowledged.

    ``taken`` is how many messages it took, ``twice`` has the local id of each that was sent again.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.taken = 0
        self.twice: list[str] = []
        self._local_ids: set[str] = set()
        self._over: list[tuple[datetime, str]] = []

    def _settle(self, message: Any) -> None:
        self.taken += 1
        if message.local_id in self._local_ids:
            self.twice.append(message.local_id)
        self._local_ids.add(message.local_id)
        super()._settle(message)
        self.posts.clear()

    def _acknowledge(self, mailbox_id: str, message_id: str) -> httpx.Response:
        answer = super()._acknowledge(mailbox_id, message_id)
        self._over.append((self.clock(), message_id))
        return answer

    def forget(self) -> None:
        """Let go of what was over a day ago."""
        before = self.clock() - _REMEMBERED
        for _, message_id in [each for each in self._over if each[0] <= before]:
            self.messages.pop(message_id, None)
        self._over = [each for each in self._over if each[0] > before]
        for kept in (self.requests, self.acknowledged, self._tokens):
            kept.clear()  # type: ignore[attr-defined]


class Door(ThreadingHTTPServer):
    """Lets in who has a client certificate, and remembers whose were seen; ``away`` breaks every connection off.

    ``broken`` is how many messages each mailbox was about to give when that happened.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, mesh: ForgetfulMesh, own: Files, authority: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.certificate, own.key)
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.mesh = mesh
        self.away = False
        self.seen: set[str] = set()
        self.broken: Counter[str] = Counter()
        self._thread = Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went first."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def _pass(self) -> None:
        door, peer = self.server, self.connection
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if door.away:
            _, _, mailbox, *rest = self.path.split("/")
            door.broken[mailbox] += self.command == "POST" and rest == ["outbox"]
            self.close_connection = True
            return
        assert isinstance(peer, ssl.SSLSocket)
        door.seen.add(str((peer.getpeercert() or {})["subject"][0][0][1]))  # type: ignore[index]
        request = httpx.Request(self.command, f"{door.url}{self.path}", headers=dict(self.headers), content=body)
        answer = door.mesh.transport.handle_request(request)
        content = raw_body(answer)
        head = [f"HTTP/1.1 {answer.status_code} Some Reason"]
        answer.headers["content-length"] = str(len(content))
        answer.headers["date"] = format_datetime(door.mesh.clock(), usegmt=True)
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + (b"" if self.command == "HEAD" else content))

    do_GET = do_POST = do_PUT = do_HEAD = _pass  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass
