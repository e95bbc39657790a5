"""One attempt and its repetitions."""

from __future__ import annotations

import gzip
import inspect
import io
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest

from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
)
from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.body import Sink
from shared.mesh.chunks import Section
from shared.mesh.connection import LONGEST_CALL, Connection
from shared.mesh.observer import Observer
from tests.fakes.clock import MovableClock

BODY = Section(io.BytesIO(b"<Bundle/>"), 0, 9)
Serve = Callable[[httpx.Request], httpx.Response]


class Server:
    """Plays the answers given, one a request; the last one again and again."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.clock = MovableClock()
        self._answers = list(answers)

    def connection(self) -> Connection:
        account = MeshAccount("https://mesh.example", MailboxId("B82002OT001"), "p", "k")
        return Connection(account, self.clock, httpx.MockTransport(self._answer), self.pauses.append)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)


def ok(body: bytes = b"{}", status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=httpx.ByteStream(body))


def every_httpx_error() -> list[type[Exception]]:
    """Return all that httpx may raise from sending a request and reading its answer."""
    found = [each for each in vars(httpx).values() if inspect.isclass(each) and issubclass(each, httpx.RequestError)]
    return sorted({*found, httpx.InvalidURL}, key=lambda each: each.__name__)


def test_every_error_of_httpx_is_known_to_us() -> None:
    """A new one must be looked at: did the request leave? can it be repeated? (httpx 0.28)"""
    found = {name for name, each in vars(httpx).items() if inspect.isclass(each) and issubclass(each, Exception)}

    assert found == {
        "CloseError", "ConnectError", "ConnectTimeout", "CookieConflict", "DecodingError", "HTTPError",
        "HTTPStatusError", "InvalidURL", "LocalProtocolError", "NetworkError", "PoolTimeout", "ProtocolError",
        "ProxyError", "ReadError", "ReadTimeout", "RemoteProtocolError", "RequestError", "RequestNotRead",
        "ResponseNotRead", "StreamClosed", "StreamConsumed", "StreamError", "TimeoutException", "TooManyRedirects",
        "TransportError", "UnsupportedProtocol", "WriteError", "WriteTimeout",
    }  # fmt: skip


@pytest.mark.parametrize("error", every_httpx_error())
def test_no_error_of_httpx_gets_out_and_none_is_thought_certain_that_is_not(error: type[Exception]) -> None:
    with pytest.raises(MeshError) as raised:
        Server(error("Illegal header value b'9690937278'")).connection().attempt("POST", "/x", body=BODY)

    never_left = {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError}
    unsendable = {httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL}
    expected = MeshUnreachable if error in never_left else MeshRefused if error in unsendable else MeshAmbiguous
    assert type(raised.value) is expected
    if expected is not MeshUnreachable:
        assert "9690937278" not in str(raised.value)


def test_every_attempt_asks_for_version_2_and_gzip_alone() -> None:
    server = Server(ok())

    server.connection().ask("GET", "/messageexchange/x")

    headers = server.requests[0].headers
    assert headers["accept"] == "application/vnd.mesh.v2+json"
    assert headers["accept-encoding"] == "gzip"
    assert headers["user-agent"].startswith("gp-federated-consultation/")


@pytest.mark.parametrize("failure", [httpx.ConnectError("no"), httpx.ReadTimeout("no"), ok(status=503)])
def test_every_attempt_has_a_token_of_its_own(failure: httpx.Response | Exception) -> None:
    server = Server(failure, failure, ok())

    server.connection().ask("GET", "/x")

    tokens = [request.headers["authorization"] for request in server.requests]
    assert len(set(tokens)) == 3


def test_an_unsigned_call_carries_no_token() -> None:
    server = Server(ok())

    server.connection().ask("GET", "/x", signed=False)

    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_repeated_with_growing_pauses_and_then_answered(status: int) -> None:
    server = Server(ok(status=status))

    answer = server.connection().ask("GET", "/x")

    assert answer.status == status
    assert len(server.requests) == 4
    first, second, third = server.pauses
    assert 0.5 <= first <= 1.0 <= second <= 1.5 < 2.0 <= third <= 2.5


@pytest.mark.parametrize("failure", [httpx.ConnectTimeout("no"), httpx.ReadError("no")])
def test_a_repeatable_call_without_any_answer_is_unavailable(failure: Exception) -> None:
    server = Server(failure)

    with pytest.raises(MeshUnavailable):
        server.connection().ask("GET", "/x")

    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [200, 206, 300, 307, 400, 404, 410, 417])
def test_a_lasting_answer_is_not_asked_for_again(status: int) -> None:
    server = Server(ok(status=status))

    assert server.connection().ask("GET", "/x").status == status
    assert len(server.requests) == 1


def test_a_refused_token_is_tried_once_more() -> None:
    server = Server(ok(status=403))

    assert server.connection().ask("GET", "/x").status == 403
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("wish", "pause"),
    [
        ("7", 7.0),
        ("Fri, 20 Nov 2026 18:00:20 GMT", 20.0),
    ],
)
def test_mesh_may_ask_for_a_longer_pause(wish: str, pause: float) -> None:
    server = Server(ok(status=503, retry_after=wish), ok())

    server.connection().ask("GET", "/x")

    assert server.pauses == [pause]


@pytest.mark.parametrize(
    "wish", ["36", "86400", "999999999999999999999", "Sat, 21 Nov 2026 18:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_a_pause_too_long_for_one_call_is_left_to_the_next_round(wish: str) -> None:
    server = Server(ok(status=503, retry_after=wish), ok())

    assert server.connection().ask("GET", "/x").status == 503
    assert (len(server.requests), server.pauses) == (1, [])


@pytest.mark.parametrize("wish", ["", "soon", "-5", "0", "Thu, 19 Nov 2026 18:00:00 GMT", "\u0663"])
def test_a_wish_that_makes_no_sense_is_not_followed(wish: str) -> None:
    answer = httpx.Response(503, headers=[(b"retry-after", wish.encode())], stream=httpx.ByteStream(b""))
    server = Server(answer, ok())

    server.connection().ask("GET", "/x")

    assert server.pauses[0] <= 1.0


def test_a_body_is_read_up_to_the_limit_and_an_error_text_whole() -> None:
    server = Server(ok(b"0123456789"), ok(b"0123456789", status=404))
    connection = server.connection()

    file = io.BytesIO()

    asked, refused = (connection.ask("GET", "/x", into=Sink(file, 4)) for _ in range(2))

    assert (file.getvalue(), asked.body, asked.truncated) == (b"0123", b"", True)
    assert (refused.body, refused.truncated) == (b"0123456789", False)


def test_a_zipped_body_is_unzipped_and_a_corrupt_one_not_taken_for_an_answer() -> None:
    connection = Server(ok(gzip.compress(b"{}"), content_encoding="gzip")).connection()
    broken = Server(ok(b"no gzip", content_encoding="gzip"))

    assert connection.ask("GET", "/x").body == b"{}"
    with pytest.raises(MeshProtocolError):
        broken.connection().ask("GET", "/x")
    assert len(broken.requests) == 1


class Hanging:
    """Answers nothing: each phase of a request takes as long as its timeout lets it."""

    def __init__(self, clock: MovableClock, error: type[httpx.TimeoutException]) -> None:
        self.clock = clock
        self.error = error
        self.attempts = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.attempts += 1
        allowed = request.extensions["timeout"]
        # TCP and TLS have the time for connecting each
        spent = allowed["pool"] + 2 * allowed["connect"]
        if self.error is httpx.ReadTimeout:
            spent += allowed["read"]
        self.clock.move(timedelta(seconds=spent))
        raise self.error("timed out")


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ConnectTimeout])
def test_a_call_that_gets_no_answer_ends_within_the_bound(error: type[httpx.TimeoutException]) -> None:
    clock = MovableClock()
    begun, hanging = clock(), Hanging(clock, error)
    account = MeshAccount("https://mesh.example", MailboxId("B82002OT001"), "p", "k")
    connection = Connection(
        account, clock, httpx.MockTransport(hanging), lambda seconds: clock.move(timedelta(seconds=seconds))
    )

    with pytest.raises(MeshUnavailable):
        connection.ask("GET", "/x")

    assert hanging.attempts > (error is httpx.ConnectTimeout)
    assert clock() - begun <= LONGEST_CALL


class Slowly(httpx.SyncByteStream):
    """Gives ``pieces`` of ``size`` bytes, each after ``seconds``."""

    def __init__(self, clock: MovableClock, pieces: int, size: int, seconds: float) -> None:
        self.clock, self.pieces, self.size, self.seconds = clock, pieces, size, seconds

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.pieces):
            self.clock.move(timedelta(seconds=self.seconds))
            yield b"x" * self.size


def slow_server(pieces: int, size: int, seconds: float) -> Server:
    server = Server(ok())
    server._answers = [httpx.Response(200, stream=Slowly(server.clock, pieces, size, seconds))]
    return server


def test_a_large_message_comes_over_a_slow_link() -> None:
    server = slow_server(pieces=200, size=100_000, seconds=10)
    file = io.BytesIO()

    answer = server.connection().ask("GET", "/x", into=Sink(file, 20_000_000))

    assert (file.tell(), answer.truncated, len(server.requests)) == (20_000_000, False, 1)


def test_a_message_that_trickles_in_is_given_up_soon_and_not_asked_for_again_in_this_call() -> None:
    server = slow_server(pieces=100_000, size=1, seconds=20)
    begun = server.clock()

    with pytest.raises(MeshUnavailable, match="slowly"):
        server.connection().ask("GET", "/x", into=Sink(io.BytesIO(), 20_000_000))

    assert server.clock() - begun == timedelta(seconds=80)
    assert len(server.requests) == 1


def test_a_short_answer_that_trickles_in_is_given_up_within_the_bound() -> None:
    server = slow_server(pieces=100_000, size=1000, seconds=29)
    begun = server.clock()

    with pytest.raises(MeshUnavailable, match="slowly"):
        server.connection().ask("GET", "/x")

    assert server.clock() - begun <= LONGEST_CALL


def test_the_answer_to_a_post_that_trickles_in_leaves_it_open_whether_it_was_taken() -> None:
    server = slow_server(pieces=100_000, size=1, seconds=30)

    with pytest.raises(MeshAmbiguous, match="slowly"):
        server.connection().attempt("POST", "/x", body=BODY)


def test_a_closed_connection_cannot_be_used() -> None:
    connection = Server(ok()).connection()

    connection.close()

    with pytest.raises(RuntimeError):
        connection.attempt("GET", "/x")


def test_a_body_that_is_repeated_is_sent_whole_again_and_its_length_is_said() -> None:
    server = Server(httpx.ReadTimeout("no"), ok(status=503), ok())

    server.connection().ask("POST", "/x", body=BODY)

    assert [request.read() for request in server.requests] == [b"<Bundle/>"] * 3
    assert {request.headers["content-length"] for request in server.requests} == {"9"}
    assert not any("transfer-encoding" in request.headers for request in server.requests)


def test_the_time_that_a_body_takes_on_its_way_out_is_no_reason_to_try_less_often() -> None:
    clock, attempts = MovableClock(), []

    def slow(request: httpx.Request) -> httpx.Response:
        clock.move(timedelta(minutes=5))
        attempts.append(request)
        raise httpx.WriteTimeout("no")

    account = MeshAccount("https://mesh.example", MailboxId("B82002OT001"), "p", "k")
    connection = Connection(account, clock, httpx.MockTransport(slow), lambda _: None)

    with pytest.raises(MeshUnavailable):
        connection.ask("POST", "/x", body=BODY)

    assert len(attempts) == 4


def test_a_repetition_writes_over_what_the_attempt_before_it_left() -> None:
    broken = httpx.Response(200, stream=Breaking())
    server = Server(ok())
    server._answers = [broken, ok(b"whole")]
    file = io.BytesIO()
    file.write(b"before ")

    answer = server.connection().ask("GET", "/x", into=Sink(file, 100))

    assert (file.getvalue(), answer.body) == (b"before whole", b"")


def test_a_body_that_is_not_wanted_by_its_headers_is_not_read() -> None:
    server = Server(httpx.Response(200, headers={"Mex-WorkflowID": "PATHOLOGY"}, stream=Breaking()))
    file = io.BytesIO()

    answer = server.connection().ask("GET", "/x", into=Sink(file, 100, lambda headers: "mex-workflowid" not in headers))

    assert (answer.declined, answer.body, file.getvalue(), len(server.requests)) == (True, b"", b"", 1)


def test_a_small_body_that_is_not_wanted_is_read_away_so_that_its_connection_can_be_used_again() -> None:
    read: list[bytes] = []
    server = Server(httpx.Response(200, headers={"Content-Length": "5"}, stream=Noting(read)))
    file = io.BytesIO()

    answer = server.connection().ask("GET", "/x", into=Sink(file, 100, lambda _: False))

    assert (answer.declined, file.getvalue(), read) == (True, b"", [b"small"])


class Noting(httpx.SyncByteStream):
    def __init__(self, read: list[bytes]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[bytes]:
        self._read.append(b"small")
        yield b"small"


class Breaking(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b"a long beginning"
        raise httpx.ReadError("Connection reset by peer")


class Clocks(Observer):
    def __init__(self) -> None:
        self.seen: list[timedelta] = []

    def clock_compared(self, ahead: timedelta) -> None:
        self.seen.append(ahead)


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Fri, 20 Nov 2026 17:59:00 GMT", [timedelta(minutes=1)]),
        ("Fri, 20 Nov 2026 21:00:00 GMT", [timedelta(hours=-3)]),
        ("yesterday", []),
        ("", []),
    ],
)
def test_our_clock_is_compared_with_the_date_of_every_answer_that_has_one(date: str, ahead: list[timedelta]) -> None:
    server, clocks = Server(ok(status=404, date=date)), Clocks()
    account = MeshAccount("https://mesh.example", MailboxId("B82002OT001"), "p", "k")
    connection = Connection(account, server.clock, httpx.MockTransport(server._answer), observer=clocks)

    answer = connection.ask("GET", "/x")

    assert clocks.seen == ahead
    assert [answer.clock_ahead] == (ahead or [None])
