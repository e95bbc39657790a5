"""HTTP to PDS: its pace, its patience and its bounds."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from federated_sender.pds_connection import PdsAnswer, PdsConnection, PdsRequest
from federated_sender.pds_record import PdsRecord
from shared.errors import PdsProtocolError, PdsUnavailable
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.pds_server import PdsServer, Reply, patient, pem
from tests.federated_sender.pds_bench import REPORT_ID, wire_client, wire_connection

NUMBER = "9690937278"


@pytest.fixture
def clock(mesh: InMemoryMesh) -> MovableClock:
    return mesh.clock


def get(url: str) -> Callable[[], PdsRequest]:
    return lambda: PdsRequest("GET", f"{url}/Patient/{NUMBER}", {})


def test_no_more_requests_leave_in_a_second_than_the_setting_says(pds: PdsServer, clock: MovableClock) -> None:
    client = wire_client(pds, clock, rate_limit=3)

    for _ in range(11):
        client.record(NUMBER, REPORT_ID)

    client.close()
    times = [asked.at for asked in pds.asked]
    assert len(times) == 11
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in zip(times, times[3:], strict=False))
    # and not slower than needed
    assert times[-1] - times[0] < timedelta(seconds=4.1)


def test_a_time_to_wait_is_kept_between_the_attempts(pds: PdsServer, clock: MovableClock) -> None:
    client = wire_client(pds, clock)
    pds.replies = [Reply(429, b"", {"Retry-After": "7"}), Reply(503, b"", {"Retry-After": "9"})]

    client.record(NUMBER, REPORT_ID)

    client.close()
    pauses = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(pds.asked)]
    assert pauses == [pytest.approx(7), pytest.approx(9)]


@pytest.mark.parametrize("wish", ["600", "Fri, 20 Nov 2026 18:10:00 GMT"])
def test_a_longer_wish_for_patience_ends_the_question_and_nothing_is_asked_until_then(
    pds: PdsServer, clock: MovableClock, wish: str
) -> None:
    client = wire_client(pds, clock)
    pds.replies = [Reply(429, b"", {"Retry-After": wish})]

    for wait in (0, 590):
        clock.move(timedelta(seconds=wait))
        with pytest.raises(PdsUnavailable):
            client.record(NUMBER, REPORT_ID)
    meanwhile = len(pds.asked)
    clock.move(timedelta(seconds=15))
    client.record(NUMBER, REPORT_ID)

    client.close()
    assert (meanwhile, len(pds.asked)) == (1, 2)


def test_patience_ends_after_a_quarter_of_an_hour(pds: PdsServer, clock: MovableClock) -> None:
    client = wire_client(pds, clock)
    pds.replies = [Reply(429, b"", {"Retry-After": "86400"})]
    with pytest.raises(PdsUnavailable):
        client.record(NUMBER, REPORT_ID)
    clock.move(timedelta(minutes=15, seconds=1))

    client.record(NUMBER, REPORT_ID)

    client.close()


def test_a_connection_that_breaks_is_tried_again(pds: PdsServer, clock: MovableClock) -> None:
    client = wire_client(pds, clock)
    client.record(NUMBER, REPORT_ID)
    pds.replies = [Reply(0), Reply(200, patient(), cut=True)]

    client.record(NUMBER, REPORT_ID)

    client.close()
    assert (len(pds.asked), pds.faults) == (4, [])


def test_where_nothing_listens_pds_cannot_be_reached(clock: MovableClock) -> None:
    # nothing listens on the discard port
    connection = wire_connection("http://127.0.0.1:9", clock=clock)

    with pytest.raises(PdsUnavailable, match="PDS cannot be reached") as caught:
        connection.ask(get("http://127.0.0.1:9"))

    connection.close()
    assert caught.value.__context__ is None
    assert NUMBER not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(200, b"x" * 1_000_001), "larger than any record"),
        (Reply(200, b"x", {"Content-Encoding": "gzip"}), "encoding that was not asked for"),
    ],
)
def test_an_answer_that_cannot_be_taken_is_not_asked_for_again(
    pds: PdsServer, clock: MovableClock, reply: Reply, words: str
) -> None:
    connection = wire_connection(pds.url, clock=clock)
    pds.always = reply

    with pytest.raises(PdsProtocolError, match=words):
        connection.ask(lambda: PdsRequest("GET", f"{pds.pds_url}/Patient/{NUMBER}", _headers()))

    connection.close()


def test_an_answer_that_trickles_in_is_given_up(pds: PdsServer, clock: MovableClock) -> None:
    # each look at this clock is a minute later
    def seconds() -> float:
        clock.move(timedelta(minutes=1))
        return clock().timestamp()

    connection = PdsConnection([pds.url], 1000, clock, sleep=lambda _: None, seconds=seconds)
    pds.always = Reply(200, patient())

    with pytest.raises(PdsUnavailable, match="too slowly"):
        connection.ask(lambda: PdsRequest("GET", f"{pds.pds_url}/Patient/{NUMBER}", _headers()))

    connection.close()


def test_no_proxy_of_the_environment_comes_before_a_loopback_address(
    pds: PdsServer, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client = wire_client(pds, clock)

    found = client.record(NUMBER, REPORT_ID)
    client.close()

    assert isinstance(found, PdsRecord)
    assert found.nhs_number == NUMBER


def test_a_server_that_nobody_vouches_for_is_not_asked(
    clock: MovableClock, signing_key: RSAPrivateKey, tmp_path: Path
) -> None:
    with _tls_server(signing_key, tmp_path) as url:
        connection = wire_connection(url, clock=clock)

        with pytest.raises(PdsUnavailable, match="certificate verify failed") as caught:
            connection.ask(get(url))

        connection.close()
    assert NUMBER not in str(caught.value)


def test_neither_a_request_nor_an_answer_shows_what_it_holds(pds: PdsServer) -> None:
    shown = repr(get(pds.pds_url)()) + repr(PdsAnswer(200, NUMBER.encode()))

    assert NUMBER not in shown


def _headers() -> dict[str, str]:
    return {"X-Request-ID": str(uuid4()), "X-Correlation-ID": REPORT_ID, "Accept": "application/fhir+json"}


@contextmanager
def _tls_server(key: RSAPrivateKey, directory: Path) -> Iterator[str]:
    """Run an HTTPS server on loopback with a certificate that it signed itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    file = directory / "server.pem"
    file.write_bytes(pem(key) + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join(10)
