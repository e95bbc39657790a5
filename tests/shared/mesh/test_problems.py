"""What MESH says is wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from shared import errors
from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshGone,
    MeshPending,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
    MeshUploadInterrupted,
)
from shared.mesh import problems
from shared.mesh.answers import Answer
from shared.mesh.problems import Problem, read_problem


def answer(document: Any, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            {"message_id": "M1", "detail": [{"event": "SEND", "code": "12", "msg": "Unregistered to address"}]},
            Problem("SEND", "12", "Unregistered to address", "M1"),
        ),
        (
            {"messageID": "M1", "errorEvent": "SEND", "errorCode": "12", "errorDescription": "Unregistered"},
            Problem("SEND", "12", "Unregistered", "M1"),
        ),
        (
            {"detail": [{"type": "missing", "loc": ["header", "mex-to"], "msg": "Field required", "input": None}]},
            Problem(message="Field required"),
        ),
        ({"detail": [{"event": "", "code": "", "msg": "Forbidden"}]}, Problem(message="Forbidden")),
        ({"detail": "Not Found"}, Problem(message="Not Found")),
        ({"message": "An internal error occurred.\n\nPlease contact support."},
         Problem(message="An internal error occurred. Please contact support.")),
        ({"detail": []}, Problem()),
        ({"detail": [["nested"]], "message_id": 7}, Problem()),
        ({}, Problem()),
        ([], Problem()),
        ("text", Problem()),
    ],
)  # fmt: skip
def test_every_shape_of_an_error_body_is_read(body: Any, problem: Problem) -> None:
    assert read_problem(json.dumps(body).encode()) == problem


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"\xff\xfe", b"{", b"[" * 200_000])
def test_an_error_body_that_is_no_json_is_survived(body: bytes) -> None:
    assert read_problem(body) == Problem()


def test_what_cannot_be_printed_is_a_blank() -> None:
    body = rb'{"detail": [{"event": "SE\u0000ND", "code": "1\u00002", "msg": "Un\u0000regis\u0007tered\u001b"}]}'

    assert read_problem(body) == Problem(event="SE ND", code="1 2", message="Un regis tered")


def test_what_mesh_quotes_is_masked_and_shortened() -> None:
    body = {
        "detail": [{"code": "x", "msg": "bad subject 'Report for Smith' for GPPROVIDER_9690937278_1957_Smith " * 9}]
    }

    text = read_problem(json.dumps(body).encode(), "Report for Smith").message

    assert text == "bad subject '***' for GPPROVIDER_***"
    assert len(read_problem(json.dumps({"message": "x" * 999}).encode()).message or "") == 200


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, MeshProtocolError),
        (302, MeshProtocolError),
        (400, MeshRefused),
        (401, MeshForbidden),
        (403, MeshForbidden),
        (407, MeshForbidden),
        (404, MeshGone),
        (410, MeshGone),
        (408, MeshUnavailable),
        (417, MeshRefused),
        (425, MeshUnavailable),
        (429, MeshUnavailable),
        (500, MeshUnavailable),
        (503, MeshUnavailable),
    ],
)
def test_the_status_of_a_repeatable_call_decides_the_error(status: int, error: type[MeshError]) -> None:
    failure = problems.failure(answer({"detail": [{"event": "E", "code": "C", "msg": "T"}]}, status), "inbox list")

    assert type(failure) is error
    assert str(failure).startswith(f"inbox list: MESH answered {status} (E C T)")
    assert (failure.http_status, failure.event, failure.code, failure.message) == (status, "E", "C", "T")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, MeshAmbiguous),
        (302, MeshForbidden),
        (307, MeshForbidden),
        (400, MeshForbidden),
        (401, MeshForbidden),
        (403, MeshForbidden),
        (404, MeshForbidden),
        (405, MeshForbidden),
        (406, MeshForbidden),
        (407, MeshForbidden),
        (408, MeshAmbiguous),
        (410, MeshForbidden),
        (413, MeshRefused),
        (417, MeshRefused),
        (422, MeshRefused),
        (425, MeshUnavailable),
        (429, MeshUnavailable),
        (500, MeshAmbiguous),
        (503, MeshAmbiguous),
        (504, MeshAmbiguous),
    ],
)
def test_the_status_of_a_send_decides_whether_mesh_may_have_taken_it(status: int, error: type[MeshError]) -> None:
    failure = problems.send_failure(Answer(status, {}, b""))

    assert type(failure) is error
    assert str(failure).startswith(f"send: MESH answered {status}")


def test_a_400_refuses_the_message_only_in_the_words_of_mesh() -> None:
    gateway = Answer(400, {}, b"<html><title>400 The SSL certificate error</title></html>")
    mesh = Answer(400, {}, b'{"detail":[{"event":"SEND","code":"08","msg":"TO_DTS missing"}]}')

    assert type(problems.send_failure(gateway)) is MeshForbidden
    assert type(problems.send_failure(mesh)) is MeshRefused


@pytest.mark.parametrize(
    ("status", "error"), [(204, MeshForbidden), (302, MeshForbidden), (400, MeshForbidden), (404, MeshForbidden),
                          (403, MeshForbidden), (429, MeshUnavailable), (503, MeshUnavailable)]
)  # fmt: skip
def test_a_call_about_no_single_message_is_never_refused_for_a_message(status: int, error: type[MeshError]) -> None:
    assert type(problems.account_failure(Answer(status, {}, b""), "handshake")) is error


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, MeshUnavailable),
        (400, MeshRefused),
        (403, MeshForbidden),
        (404, MeshGone),
        (406, MeshGone),
        (417, MeshRefused),
        (423, MeshForbidden),
        (429, MeshUnavailable),
        (500, MeshUnavailable),
    ],
)
def test_the_status_of_a_later_chunk_decides_whether_the_upload_can_go_on(status: int, error: type[MeshError]) -> None:
    assert type(problems.chunk_failure(Answer(status, {}, b""))) is error


def test_codes_and_ids_of_any_length_never_get_beyond_the_answer() -> None:
    words = {"message_id": "M" * 101, "detail": [{"event": "E" * 99, "code": "C" * 99, "msg": "T"}]}

    problem = read_problem(json.dumps(words).encode())

    assert (problem.message_id, problem.event, problem.code) == (None, "E" * 64, "C" * 64)


def test_a_refused_send_gives_the_id_that_mesh_reports_about_later() -> None:
    body = {"message_id": "M1", "detail": [{"event": "SEND", "code": "12", "msg": "Unregistered to address"}]}

    assert problems.send_failure(answer(body, 417)).message_id == "M1"


def refused_account(code: str, message: str, ahead: timedelta | None = None) -> str:
    body = json.dumps({"detail": [{"event": "SEND", "code": code, "msg": message}]}).encode()
    return str(problems.account_failure(Answer(403, {}, body, clock_ahead=ahead), "handshake"))


@pytest.mark.parametrize("ahead", [None, timedelta(seconds=30)])
def test_a_refused_token_says_everything_that_may_be_wrong(ahead: timedelta | None) -> None:
    text = refused_account("", "Invalid Authentication Token", ahead)

    words = ("clock", "MESH_MAILBOX_ID", "MESH_MAILBOX_PASSWORD", "MESH_SHARED_KEY", "MESH_CLIENT_CERT_FILE")
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    ("ahead", "words"), [(timedelta(hours=3), "180 minutes ahead of"), (timedelta(hours=-2), "120 minutes behind")]
)
def test_a_refused_token_says_first_that_the_clock_is_off(ahead: timedelta, words: str) -> None:
    assert f"clock is {words} MESH's" in refused_account("", "Invalid Authentication Token", ahead)


def test_an_unknown_mailbox_of_our_own_is_told_from_a_patient_who_cannot_be_routed() -> None:
    body = {"detail": [{"event": "SEND", "code": "EPL-151", "msg": "No mailbox matched"}]}

    failure = problems.send_failure(answer(body, 403))

    assert (type(failure), failure.code) == (MeshForbidden, "EPL-151")
    assert "does not know our own mailbox" in str(failure)


def test_the_class_of_an_error_says_whether_to_repeat_and_whether_it_may_have_been_done() -> None:
    every = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, MeshError)}

    assert {each for each in every if each.retryable} == {MeshUnavailable, MeshUnreachable, MeshUploadInterrupted}
    assert {each for each in every if each.ambiguous} == {MeshAmbiguous, MeshPending}
