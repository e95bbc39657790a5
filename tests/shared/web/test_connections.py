from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from shared.web import connections
from shared.web.connections import PromptConnection

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    """Serve one page."""
    listening = socket.create_server(("127.0.0.1", 0))
    page = PlainTextResponse("here")
    server = uvicorn.Server(uvicorn.Config(page, http=PromptConnection, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
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
