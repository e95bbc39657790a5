"""What MESH answers, good and bad."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshGone,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
)
from shared.mesh import answers
from shared.mesh.answers import Answer, Problem, read_problem
from shared.mesh.messages import Endpoint, Taken, Tracking


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
            Problem(text="Field required"),
        ),
        ({"detail": [{"event": "", "code": "", "msg": "Forbidden"}]}, Problem(text="Forbidden")),
        ({"detail": "Not Found"}, Problem(text="Not Found")),
        ({"message": "An internal error occurred.\n\nPlease contact support."},
         Problem(text="An internal error occurred. Please contact support.")),
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


def test_what_mesh_quotes_is_masked_and_shortened() -> None:
    body = {
        "detail": [{"code": "x", "msg": "bad subject 'Report for Smith' for GPPROVIDER_9690937278_1957_Smith " * 9}]
    }

    text = read_problem(json.dumps(body).encode(), "Report for Smith").text

    assert text == "bad subject '***' for GPPROVIDER_***"
    assert len(read_problem(json.dumps({"message": "x" * 999}).encode()).text or "") == 200


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
    failure = answers.failure(answer({"detail": [{"event": "E", "code": "C", "msg": "T"}]}, status), "inbox list")

    assert type(failure) is error
    assert str(failure) == f"inbox list: MESH answered {status} (E C T)"
    assert (failure.http_status, failure.event, failure.code, failure.text) == (status, "E", "C", "T")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, MeshAmbiguous),
        (302, MeshForbidden),
        (307, MeshForbidden),
        (400, MeshRefused),
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
    failure = answers.send_failure(Answer(status, {}, b""))

    assert type(failure) is error
    assert str(failure) == f"send: MESH answered {status}"


@pytest.mark.parametrize(
    ("status", "error"), [(204, MeshForbidden), (302, MeshForbidden), (400, MeshForbidden), (404, MeshForbidden),
                          (403, MeshForbidden), (429, MeshUnavailable), (503, MeshUnavailable)]
)  # fmt: skip
def test_a_call_about_no_single_message_is_never_refused_for_a_message(status: int, error: type[MeshError]) -> None:
    assert type(answers.account_failure(Answer(status, {}, b""), "handshake")) is error


def test_ids_and_codes_of_any_length_never_get_beyond_the_answer() -> None:
    words = {"message_id": "M" * 101, "detail": [{"event": "E" * 99, "code": "C" * 99, "msg": "T"}]}

    problem = read_problem(json.dumps(words).encode())

    assert (problem.message_id, problem.event, problem.code) == (None, "E" * 64, "C" * 64)
    with pytest.raises(MeshProtocolError):
        answers.sent_message_id(answer({"message_id": "M" * 101}, 202))
    with pytest.raises(MeshProtocolError):
        answers.tracking(answer({"message_id": "M" * 101, "status": "accepted"}))


def test_a_refused_send_gives_the_id_that_mesh_reports_about_later() -> None:
    body = {"message_id": "M1", "detail": [{"event": "SEND", "code": "12", "msg": "Unregistered to address"}]}

    assert answers.send_failure(answer(body, 417)).message_id == "M1"


@pytest.mark.parametrize("body", [{"message_id": "M1"}, {"messageID": "M1"}])
def test_the_id_of_a_sent_message_is_read_in_both_spellings(body: Any) -> None:
    assert answers.sent_message_id(answer(body, 202)) == "M1"


def test_a_page_of_the_inbox_has_ids_and_perhaps_a_next_one() -> None:
    page = answers.inbox_page(answer({"messages": ["M1", "M2"], "links": {"self": "/a", "next": "/b"}}))

    assert page.message_ids == ("M1", "M2")
    assert page.next_link == "/b"
    assert answers.inbox_page(answer({"messages": []})).next_link is None
    assert answers.inbox_page(answer({"messages": [], "links": ["/b"]})).next_link is None


def test_tracking_is_read_in_both_spellings() -> None:
    new = answer({"message_id": "M1", "status": "accepted", "recipient": "A81001OT001"})
    old = answer({"dtsId": "M1", "status": "Accepted", "recipient": "A81001OT001"})

    assert answers.tracking(new) == answers.tracking(old) == Tracking("M1", "accepted", "A81001OT001")


def test_a_local_id_is_known_never_once_or_several_times() -> None:
    assert answers.local_id_tracking(Answer(404, {}, b"")).taken is Taken.NEVER
    assert answers.local_id_tracking(Answer(300, {}, b"")).taken is Taken.SEVERAL_TIMES
    once = answers.local_id_tracking(answer({"messageId": "M1", "status": "Accepted"}))
    assert (once.taken, once.message_id) == (Taken.ONCE, "M1")


def test_endpoints_are_read_in_both_spellings_and_nonsense_is_passed_over() -> None:
    results = [{"mailbox_id": "A", "mailbox_name": "One"}, {"address": "B", "description": "Two"}, {}, "x"]

    assert answers.endpoints(answer({"results": results})) == [Endpoint("A", "One"), Endpoint("B", "Two")]


@pytest.mark.parametrize("read", [answers.sent_message_id, answers.inbox_page, answers.tracking, answers.endpoints])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"<html/>", b"{}", b'{"message_id": 7, "messages": [7], "results": {}}']
)
def test_a_good_answer_that_cannot_be_read_is_a_fault_of_mesh(read: Any, body: bytes) -> None:
    with pytest.raises(MeshProtocolError):
        read(Answer(200, {}, body))
