"""MESH on a real socket of this machine that lets go wrong what a test plans: the bytes, not a library's errors.

Behind it is the in-memory MESH, so that its strictness and its record are at hand as ``mesh``. What a fault does
to one request is in ``fault_script``; a request without a planned fault is served as it should be.
"""

from __future__ import annotations

import re
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import format_datetime
from http.client import parse_headers
from types import TracebackType
from typing import Any, Self

import httpx

from shared.mesh.account import MeshAccount
from shared.mesh.client import MeshClient
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import InMemoryMesh

LONGEST_STALL = 30.0
_REQUEST_LINE = re.compile(rb"([A-Z]+) ([!-~]+) HTTP/1\.1\r\n")
# Small, so that a large body is still on its way when the server stops reading.
RECEIVE_BUFFER = 65_536


@dataclass
class Received:
    """A request as far as the server read it; ``complete`` says that all of its body came."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    complete: bool = False


class Exchange:
    """One request and its answer on one connection: the steps of which a fault is made."""

    def __init__(self, server: FaultServer, connection: socket.socket, received: Received) -> None:
        self.server = server
        self.received = received
        self.ended = False
        self.finished = threading.Event()
        self._connection = connection
        self._reader = connection.makefile("rb")

    def receive_head(self) -> None:
        """Read the request line and the headers."""
        self._reader.readline()
        self.received.headers = {name.lower(): value for name, value in parse_headers(self._reader).items()}

    def receive_body(self, share: float = 1.0) -> None:
        """Read the body, or the first ``share`` of it."""
        announced = int(self.received.headers.get("content-length", 0))
        self.received.body = self._reader.read(int(announced * share))
        self.received.complete = len(self.received.body) == announced

    def receive(self) -> None:
        self.receive_head()
        self.receive_body()

    def pass_to_mesh(self) -> httpx.Response:
        """Let MESH do what was asked and return its answer, which is not sent yet."""
        if not self.received.complete:
            raise ConnectionError("MESH does not take half a request")
        url, request = f"https://mesh.example{self.received.path}", self.received
        answer = self.server.mesh.transport.handle_request(
            httpx.Request(request.method, url, headers=request.headers, content=request.body)
        )
        answer.headers.setdefault("date", format_datetime(self.server.mesh.clock(), usegmt=True))
        return answer

    def answer(self, response: httpx.Response) -> None:
        self.write(wire(response, head_only=self.received.method == "HEAD"))

    def write(self, raw: bytes) -> None:
        self._connection.sendall(raw)

    def stall(self) -> None:
        """Do nothing until the test calls ``release`` of the server, or for half a minute."""
        self.server.stalled.append(self)
        self.server.released.wait(LONGEST_STALL)

    def end(self) -> None:
        """Be done with this request; the connection may go on."""
        self._reader.close()
        self.finished.set()

    def close(self) -> None:
        """End the connection in good manners; what was written still arrives."""
        self.ended = True
        self._connection.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Cut the connection: the client finds it broken in whatever it does."""
        self.ended = True
        self._reader.close()
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


Fault = Callable[[Exchange], None]


def serve(exchange: Exchange) -> None:
    """Let nothing go wrong."""
    exchange.receive()
    exchange.answer(exchange.pass_to_mesh())


def raw_body(response: httpx.Response) -> bytes:
    """Return the body as it goes over the wire."""
    assert isinstance(response.stream, Iterable)
    return b"".join(response.stream)


def wire(response: httpx.Response, *, head_only: bool = False) -> bytes:
    """Return all the bytes of an answer."""
    body = raw_body(response)
    response.headers["content-length"] = str(len(body))
    return head_of(response) + (b"" if head_only else body)


def head_of(response: httpx.Response) -> bytes:
    """Return the bytes of an answer before its body."""
    lines = [f"HTTP/1.1 {response.status_code} Some Reason".encode(), *(b": ".join(e) for e in response.headers.raw)]
    return b"\r\n".join([*lines, b"", b""])


class FaultServer:
    """The in-memory MESH behind a loopback port; ``received`` has every request, oldest first."""

    def __init__(self, mesh: InMemoryMesh) -> None:
        self.mesh = mesh
        self.received: list[Received] = []
        self.released = threading.Event()
        self.stalled: list[Exchange] = []
        self.pauses: list[float] = []
        self.broken: list[BaseException | None] = []
        self._planned: list[tuple[str, re.Pattern[str], Fault]] = []
        self._lock = threading.Lock()
        self._listener = _Listener(self)
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        assert not self.broken, f"the server itself failed: {self.broken}"

    def stop(self) -> None:
        """Go away; nobody listens at the port any more."""
        self.release()
        self._listener.shutdown()
        self._listener.end_connections()
        self._listener.server_close()
        self._thread.join()

    def hang_up(self) -> None:
        """Break off every connection there is."""
        self._listener.end_connections()

    def release(self) -> None:
        """Let all that is stalled go on to its end."""
        self.released.set()
        for exchange in self.stalled:
            exchange.finished.wait(LONGEST_STALL)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def account(self, mailbox_id: str) -> MeshAccount:
        return replace(self.mesh.account(mailbox_id), url=self.url)

    def client(self, mailbox_id: str, **more: Any) -> MeshClient:
        """Return a client whose pauses take no time but move the clock of MESH, which is also its own."""
        return MeshClient(self.account(mailbox_id), self.mesh.clock, sleep=self._pause, **more)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if isinstance(self.mesh.clock, MovableClock):
            self.mesh.clock.move(timedelta(seconds=seconds))

    def plan(self, method: str, path_pattern: str, *faults: Fault) -> None:
        """Let the next requests whose path has ``path_pattern`` (a regular expression) meet ``faults``, one each."""
        self._planned += [(method, re.compile(path_pattern), fault) for fault in faults]

    def forget_plans(self) -> None:
        self._planned.clear()

    def seen(self, method: str, path_pattern: str) -> list[Received]:
        """Return the requests of one kind, oldest first."""
        return [each for each in self.received if each.method == method and re.search(path_pattern, each.path)]

    def _begin(self, received: Received) -> Fault:
        with self._lock:
            self.received.append(received)
            for planned in self._planned:
                method, pattern, fault = planned
                if method == received.method and pattern.search(received.path):
                    self._planned.remove(planned)
                    return fault
        return serve


class _Connection(socketserver.BaseRequestHandler):
    """Serves the requests of one connection, one after the other."""

    def handle(self) -> None:
        faulty: FaultServer = self.server.faulty  # type: ignore[attr-defined]
        try:
            while received := _peek(self.request):
                fault = faulty._begin(received)
                exchange = Exchange(faulty, self.request, received)
                try:
                    fault(exchange)
                finally:
                    exchange.end()
                if exchange.ended:
                    return
        except OSError:
            # The client went first.
            return


def _peek(connection: socket.socket) -> Received | None:
    """Return what the next request is without taking a byte of it away; None when there is none, or it is no HTTP."""
    # the random bytes with which TLS begins may hold the end of a line, too
    line = _REQUEST_LINE.match(connection.recv(2000, socket.MSG_PEEK))
    return Received(line[1].decode(), line[2].decode()) if line else None


class _Listener(socketserver.ThreadingTCPServer):
    # A stalled connection ends with the server, which waits for all of them.
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, faulty: FaultServer) -> None:
        self.faulty = faulty
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Connection, bind_and_activate=False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.server_bind()
        self.server_activate()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(connection)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.faulty.broken.append(sys.exc_info()[1])

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Wake the threads that wait for a further request."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
