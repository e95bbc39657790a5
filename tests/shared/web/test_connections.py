from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest
import uvicorn
from starlette.responses import PlainTextResponse, Response
from uvicorn.protocols.http.flow_control import FlowControl

from shared.web import connections
from shared.web.connections import PromptConnection

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
# more than the buffers of both ends take
LARGE = b"x" * 30_000_000


@pytest.fixture
def port() -> Iterator[int]:
    """Serve one page."""
    with served(PlainTextResponse("here"), PromptConnection) as number:
        yield number


@contextmanager
def served(page: Response, protocol: type[PromptConnection]) -> Iterator[int]:
    """Serve ``page`` at the port that is given."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(page, http=protocol, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def rest(connection: socket.socket) -> bytes:
    """Say nothing more, and return what comes until the other side hangs up."""
    received = b""
    # whoever hangs up before all was said may do it without ceremony
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


@pytest.mark.parametrize(
    "said", [b"", b"G", HEAD, HEAD + b"X: " + b"y" * 5000], ids=["nothing", "a letter", "half a head", "a long one"]
)
def test_who_says_nothing_or_never_ends_is_hung_up_on(port: int, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.01)

    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(said)

        assert rest(connection) == b""


@pytest.mark.parametrize(
    ("asked", "then"),
    [(HEAD + b"\r\n", HEAD), (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x")],
    ids=["half of another request", "more of the first one"],
)
def test_a_request_is_answered_and_what_follows_buys_no_time(
    port: int, asked: bytes, then: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(asked)
        answer = b""
        while not answer.endswith(b"here"):
            answer += connection.recv(65536)
        monkeypatch.setattr(connections, "PATIENCE", 0.01)
        connection.sendall(then)

        assert rest(connection) == b""
    assert answer.startswith(b"HTTP/1.1 200")


def test_who_reads_nothing_of_an_answer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    class Watched(PromptConnection):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            ended.set()

    monkeypatch.setattr(connections, "PATIENCE", 0.01)

    with (
        served(Response(LARGE), Watched) as number,
        socket.create_connection(("127.0.0.1", number), timeout=60) as connection,
    ):
        connection.sendall(HEAD + b"\r\n")

        assert ended.wait(60)
        assert len(rest(connection)) < len(LARGE)


@pytest.mark.parametrize(
    ("unread", "ended"),
    [((30, 20, 10, 0, 0), False), ((30, 30), True), ((0, 30, 20, 20), True)],
    ids=["slowly", "nothing", "then nothing"],
)
def test_who_reads_slowly_keeps_the_connection_and_who_stops_does_not(unread: tuple[int, ...], ended: bool) -> None:
    transport = Unread(unread)
    connection = object.__new__(PromptConnection)
    connection.transport = transport  # type: ignore[assignment]
    connection.loop = SimpleNamespace(call_later=lambda *_: None)  # type: ignore[assignment]

    for _ in unread:
        connection._look()

    assert transport.aborted == ended


def test_an_answer_that_was_read_in_between_may_wait_as_much_again() -> None:
    transport = Unread((30, 30))
    connection = object.__new__(PromptConnection)
    connection.transport = transport  # type: ignore[assignment]
    connection.loop = SimpleNamespace(call_later=lambda *_: None)  # type: ignore[assignment]
    connection.flow = FlowControl(transport)  # type: ignore[arg-type]

    connection._look()
    connection.resume_writing()
    connection._look()

    assert not transport.aborted


class Unread:
    """A transport of whose answer so much is unread, look by look."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self._sizes = iter(sizes)
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return next(self._sizes)

    def abort(self) -> None:
        self.aborted = True
