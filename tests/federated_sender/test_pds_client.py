"""The client of the PDS FHIR API, over real HTTP to a server that verifies the JWT, the token and the headers."""

from __future__ import annotations

import io
import logging
import threading
import traceback
from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federated_sender.pds_client import PdsClient
from federated_sender.pds_record import NotOnPds, PdsRecord
from shared import log
from shared.errors import PdsError, PdsProtocolError, PdsRefused, PdsUnavailable
from tests.fakes.clock import MovableClock
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.pds_server import PdsServer, Reply, make_key, outcome, patient
from tests.federated_sender.pds_bench import REPORT_ID, wire_client

NUMBER = "9690937278"


@pytest.fixture
def clock(mesh: InMemoryMesh) -> MovableClock:
    return mesh.clock


@pytest.fixture
def client(pds: PdsServer, clock: MovableClock) -> Iterator[PdsClient]:
    client = wire_client(pds, clock)
    yield client
    client.close()


@pytest.mark.requirement("GPCM-SD-084")
def test_pds_is_asked_with_a_signed_jwts_token_a_new_request_id_and_our_reports_id(
    client: PdsClient, pds: PdsServer
) -> None:
    record = client.record(NUMBER, REPORT_ID)

    (asked,) = pds.asked
    assert isinstance(record, PdsRecord)
    assert [practice.ods_code for practice in record.practices] == ["B82002"]
    assert asked.path == f"/personal-demographics/FHIR/R4/Patient/{NUMBER}"
    assert asked.headers["authorization"] == f"Bearer {next(iter(pds.tokens))}"
    assert asked.headers["x-correlation-id"] == REPORT_ID
    assert pds.faults == []


def test_a_token_is_kept_until_shortly_before_it_expires(
    client: PdsClient, pds: PdsServer, clock: MovableClock
) -> None:
    client.record(NUMBER, REPORT_ID)
    clock.move(timedelta(seconds=560))
    client.record(NUMBER, REPORT_ID)
    before = len(pds.tokens)
    clock.move(timedelta(seconds=15))

    client.record(NUMBER, REPORT_ID)

    assert (before, len(pds.tokens), pds.faults) == (1, 2, [])


def test_a_token_shorter_than_the_margin_is_used_once(client: PdsClient, pds: PdsServer) -> None:
    pds.token_seconds = 20

    client.record(NUMBER, REPORT_ID)
    client.record(NUMBER, REPORT_ID)

    assert (len(pds.tokens), pds.faults) == (2, [])


def test_threads_that_need_a_token_at_once_fetch_one(client: PdsClient, pds: PdsServer) -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(client.record(NUMBER, REPORT_ID))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert (len(found), len(pds.tokens), pds.faults) == (4, 1, [])


def test_a_token_that_is_refused_is_fetched_anew_once(client: PdsClient, pds: PdsServer) -> None:
    client.record(NUMBER, REPORT_ID)
    pds.withdraw_tokens()

    record = client.record(NUMBER, REPORT_ID)

    assert isinstance(record, PdsRecord)
    assert (len(pds.asked), len(pds.tokens)) == (3, 1)


def test_when_the_new_token_is_refused_too_a_person_must_look(client: PdsClient, pds: PdsServer) -> None:
    pds.always = Reply(401, outcome("ACCESS_DENIED"))

    with pytest.raises(PdsRefused, match="PDS answers 401, ACCESS_DENIED"):
        client.record(NUMBER, REPORT_ID)

    assert len(pds.asked) == 2


def test_a_jwt_that_pds_does_not_take_is_a_refusal_with_its_word_alone(
    pds: PdsServer, clock: MovableClock, signing_key: RSAPrivateKey
) -> None:
    pds.key = make_key()
    client = wire_client(pds, clock)
    pds.key = signing_key

    with pytest.raises(PdsRefused) as caught:
        client.record(NUMBER, REPORT_ID)

    client.close()
    assert str(caught.value) == "PDS gives no token: 401, invalid_client"
    assert (len(pds.faults), pds.asked) == (1, [])


@pytest.mark.requirement("FHIR-PDS-05")
@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "INVALID_RESOURCE_ID"), (404, "RESOURCE_NOT_FOUND"), (404, "INVALIDATED_RESOURCE")],
)
def test_a_number_without_a_record_is_an_answer(client: PdsClient, pds: PdsServer, status: int, code: str) -> None:
    pds.replies = [Reply(status, outcome(code))]

    assert client.record(NUMBER, REPORT_ID) == NotOnPds(code)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, b"<html>no such page</html>"),
        Reply(400, outcome("MISSING_VALUE")),
        Reply(403, outcome("ACCESS_DENIED")),
        Reply(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
        Reply(204),
        Reply(410, outcome("RESOURCE_NOT_FOUND")),
    ],
)
def test_any_other_answer_says_nothing_about_the_number(client: PdsClient, pds: PdsServer, reply: Reply) -> None:
    pds.replies = [reply]

    with pytest.raises(PdsRefused, match=f"PDS answers {reply.status}"):
        client.record(NUMBER, REPORT_ID)


@pytest.mark.parametrize(
    "body", [b"", b"<html>Smith</html>", b"[]", b'{"resourceType": "Patient"}', b"\xff\xfe", b"[" * 5000]
)
def test_a_malformed_record_is_an_error_of_ours(client: PdsClient, pds: PdsServer, body: bytes) -> None:
    pds.replies = [Reply(200, body)]

    with pytest.raises(PdsProtocolError, match="cannot be read"):
        client.record(NUMBER, REPORT_ID)


def test_a_malformed_token_is_an_error_of_ours(client: PdsClient, pds: PdsServer) -> None:
    pds.token_replies = [Reply(200, b"<html>maintenance</html>")]

    with pytest.raises(PdsProtocolError, match="the token that PDS gave"):
        client.record(NUMBER, REPORT_ID)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again_with_growing_pauses_and_a_new_request_id(
    pds: PdsServer, clock: MovableClock, status: int
) -> None:
    pauses: list[float] = []
    client = wire_client(pds, clock, pauses=pauses)
    pds.replies = [Reply(status, outcome("TOO_MANY_REQUESTS"))] * 3

    record = client.record(NUMBER, REPORT_ID)

    client.close()
    assert isinstance(record, PdsRecord)
    assert len({asked.headers["x-request-id"] for asked in pds.asked}) == 4
    assert len(pauses) == 3
    assert pauses[0] < pauses[1] < pauses[2]
    assert pds.faults == []


def test_a_token_service_that_is_overloaded_is_asked_again_with_a_new_jwt(client: PdsClient, pds: PdsServer) -> None:
    pds.token_replies = [Reply(503), Reply(0)]

    assert isinstance(client.record(NUMBER, REPORT_ID), PdsRecord)
    assert pds.faults == []


def test_pds_that_stays_away_is_unavailable_after_four_attempts(client: PdsClient, pds: PdsServer) -> None:
    pds.always = Reply(503)

    with pytest.raises(PdsUnavailable, match="PDS answers 503") as caught:
        client.record(NUMBER, REPORT_ID)

    assert (len(pds.asked), caught.value.http_status) == (4, 503)


def test_every_good_answer_is_told_and_no_other(pds: PdsServer, clock: MovableClock) -> None:
    told: list[str] = []
    client = wire_client(pds, clock, lambda: told.append("answer"))
    pds.replies = [Reply(403), Reply(404, outcome("RESOURCE_NOT_FOUND")), Reply(200, b"{}"), Reply(200, patient())]

    for _ in range(4):
        try:
            client.record(NUMBER, REPORT_ID)
        except PdsError:
            told.append("error")

    client.close()
    assert told == ["error", "answer", "error", "answer"]


def test_a_probe_asks_for_nobody(client: PdsClient, pds: PdsServer) -> None:
    client.probe()

    assert [asked.path.rpartition("/")[2] for asked in pds.asked] == ["9000000000"]


def test_the_nhs_number_reaches_no_log_exception_or_repr(
    client: PdsClient, pds: PdsServer, caplog: pytest.LogCaptureFixture, logged: io.StringIO
) -> None:
    replies = [
        Reply(0),
        Reply(200, patient(), cut=True),
        Reply(200, b"{" + NUMBER.encode()),
        Reply(200, patient(birthDate=f"of {NUMBER}")),
        Reply(403, outcome(NUMBER)),
        Reply(429, b"", {"Retry-After": "4000"}),
    ]
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "tenacity", "pyrate_limiter"):
        caplog.set_level(logging.DEBUG, logger=name)
        logging.getLogger(name).propagate = True
    client.record(NUMBER, REPORT_ID)
    assert NUMBER in caplog.text, "the libraries would say it"
    caplog.clear()
    # as every daemon begins
    log.configure("debug", "json", "federated-sender", logged)
    words = [repr(client)]

    for reply in replies:
        pds.always = reply
        with pytest.raises(PdsError) as caught:
            client.record(NUMBER, REPORT_ID)
        words += _everything_of(caught.value)

    pds.always = None
    words += [caplog.text, logged.getvalue(), *(str(record.__dict__) for record in caplog.records)]
    assert len(pds.asked) > len(replies)
    assert [word for word in words if NUMBER in word] == []


def _everything_of(error: BaseException) -> list[str]:
    """Return all that a log, a handler or a debugger could make of an error, with what hangs on it."""
    words = ["".join(traceback.format_exception(error)), repr(error), str(error.__dict__), str(error.args)]
    for other in (error.__cause__, error.__context__):
        if other is not None:
            words += [*_everything_of(other), str(getattr(getattr(other, "_request", None), "url", ""))]
    return words
