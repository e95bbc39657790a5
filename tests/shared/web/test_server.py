from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from registered_receiver.web.site import site as receiver_site
from shared.web.server import pages_of
from tests.registered_receiver.bench import ReceiverBench
from tests.shared.web.browsing import browser
from tests.shared.web.conftest import MakeBench


def start(bench: ReceiverBench) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "registered_receiver", "web"]
    return subprocess.Popen(command, env=os.environ | bench.environment, stderr=subprocess.PIPE, text=True)


def ask(port: int, request: str) -> str:
    """Send a request letter by letter as it is, and return all of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.encode("latin-1"))
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


def get(port: int, path: str, *headers: str) -> str:
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", "")
    return ask(port, "\r\n".join(lines))


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def serving(make_bench: MakeBench, port: int) -> Iterator[subprocess.Popen[str]]:
    bench = make_bench(WEB_LISTEN=f"127.0.0.1:{port}")
    process = start(bench)
    assert process.stderr is not None
    assert json.loads(process.stderr.readline())["event"] == "web.started"
    yield process
    process.kill()
    process.communicate()


def test_the_process_serves_until_a_signal_comes_and_gives_nothing_away(
    serving: subprocess.Popen[str], port: int, make_bench: MakeBench
) -> None:
    page = get(port, "/login")
    traversals = [
        get(port, path)
        for path in (
            "/static/../server.py",
            "/static/%2e%2e/server.py",
            "/static//etc/passwd",
            "/static/..%2f..%2fcli.py",
            "/tasks/x/documents/..%2f..%2fetc%2fpasswd",
            "/tasks/x/documents/-1",
            "/static/",
        )
    ]
    split = get(port, "/tasks/x%0d%0aSet-Cookie:%20a=b")
    folded = get(port, "/login", "Cookie: __Host-registered-receiver=a\r\n b")
    other = start(make_bench(WEB_LISTEN=f"127.0.0.1:{port}"))
    _, refusal = other.communicate(timeout=60)
    serving.send_signal(signal.SIGTERM)
    _, logged = serving.communicate(timeout=60)

    assert page.startswith("HTTP/1.1 200 OK")
    assert "server:" not in page.lower()
    assert all(answer.startswith(("HTTP/1.1 404", "HTTP/1.1 303")) for answer in traversals)
    assert not any("import" in answer or "root:" in answer for answer in traversals)
    assert "set-cookie: a=b" not in split.lower()
    assert folded.startswith(("HTTP/1.1 200", "HTTP/1.1 400"))
    assert (other.returncode, "cannot be listened at" in refusal) == (1, True)
    assert serving.returncode == 0
    assert [json.loads(line)["event"] for line in logged.splitlines()] == ["web.stopped"]


def test_every_page_is_there_once(make_bench: MakeBench) -> None:
    routes = [page.route for page in pages_of(receiver_site(make_bench().receiver))]

    assert len(routes) == len(set(routes))


def test_the_styles_are_served_from_here(make_bench: MakeBench) -> None:
    with browser(receiver_site(make_bench().receiver)) as page:
        answer = page.get("/static/worklist.css")

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/css")
