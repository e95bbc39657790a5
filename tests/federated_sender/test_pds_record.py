"""What PDS's answers say, and that nothing of them is ever quoted."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from federated_sender.pds_record import Period, problem_code, read_record, read_token, token_problem
from shared.errors import PdsProtocolError
from tests.fakes.pds_server import ODS, outcome, patient, practice


def record(**changes: Any):
    return read_record(json.dumps(patient(**changes)).encode())


def test_a_record_says_number_practices_surnames_birth_date_and_gender() -> None:
    read = record()

    assert (read.nhs_number, read.restricted, read.birth_date, read.gender) == (
        "9690937278",
        False,
        "1957-01-09",
        "male",
    )
    assert [(each.ods_code, each.period) for each in read.practices] == [("B82002", Period("2020-02-01"))]
    assert [each.family for each in read.names] == ["Smith"]


def test_a_record_may_say_nothing_but_its_number() -> None:
    read = read_record(b'{"resourceType": "Patient", "id": "9690937278"}')

    assert (read.practices, read.names, read.birth_date, read.gender) == ((), (), None, None)


@pytest.mark.parametrize(("code", "restricted"), [("U", False), ("R", True), ("V", True), (None, False)])
def test_a_record_is_restricted_when_its_security_says_r_or_v(code: str | None, restricted: bool) -> None:
    assert record(meta={"security": [{"code": code}] if code else []}).restricted is restricted


def test_only_usual_surnames_count() -> None:
    names = [{"use": "nickname", "family": "Smudge"}, {"use": "usual"}, {"use": "usual", "family": "Smith"}]

    assert [name.family for name in record(name=names).names] == ["Smith"]


def test_an_identifier_of_another_system_is_no_practice() -> None:
    other = {"identifier": {"system": "https://example.org/other", "value": "what ever"}}

    assert record(generalPractitioner=[other, {}]).practices == ()


@pytest.mark.parametrize(
    ("start", "end", "holds"),
    [
        (None, None, True),
        ("2026-11-20", "2026-11-20", True),
        ("2026-11-21", None, False),
        (None, "2026-11-19", False),
        ("2026", "2026", True),
        ("2026-11", "2026-12", True),
        ("2026-12", None, False),
        ("2027", None, False),
        (None, "2026-10", False),
    ],
)
def test_a_period_holds_from_its_first_to_its_last_day_also_without_month_or_day(
    start: str | None, end: str | None, holds: bool
) -> None:
    assert Period(start, end).holds(date(2026, 11, 20)) is holds


def test_a_time_counts_as_its_day_in_london() -> None:
    # just before midnight in UTC is the next day in British Summer Time
    read = record(generalPractitioner=[practice("B82002", "2026-06-30T23:30:00Z", "2026-07-31T22:59:59+00:00")])

    assert read.practices[0].period == Period("2026-07-01", "2026-07-31")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 9690937278},
        {"resourceType": "Bundle"},
        {"birthDate": "9 January"},
        {"birthDate": "1957-13-41"},
        {"name": "Smith"},
        {"meta": {"security": {"code": "R"}}},
        {"generalPractitioner": [practice("B82002", start="yesterday")]},
        {"generalPractitioner": [practice("B82002", start="2020-02-01T10:00:00")]},
        {"generalPractitioner": [practice("Smith's!")]},
        {"generalPractitioner": [{"identifier": {"system": ODS}}]},
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_of_ours_that_quotes_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(PdsProtocolError) as caught:
        record(**changes)

    error: BaseException | None = caught.value
    words = f"{error} {error!r}"
    assert not any(value in words for value in ("9690937278", "Smith", "Richard", "1957", "9 January"))
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    some.binary(max_size=200)
    | some.recursive(some.none() | some.text(), some.lists).map(lambda v: json.dumps(v).encode())
)
def test_whatever_comes_is_a_record_or_an_error_of_ours(body: bytes) -> None:
    for read in (read_record, read_token):
        with pytest.raises(PdsProtocolError):
            read(body)
    assert problem_code(body) is None
    assert token_problem(body) is None


def test_the_code_of_a_problem_is_the_first_that_looks_like_one() -> None:
    odd = {
        "resourceType": "OperationOutcome",
        "issue": [{}, {"details": {"coding": [{"code": "<script>"}, {"code": "GONE"}]}}],
    }

    assert problem_code(json.dumps(outcome("RESOURCE_NOT_FOUND")).encode()) == "RESOURCE_NOT_FOUND"
    assert problem_code(json.dumps(odd).encode()) == "GONE"
    assert problem_code(b'{"resourceType": "OperationOutcome", "issue": []}') is None


@pytest.mark.parametrize("seconds", [599, "599"])
def test_a_token_says_how_long_it_lasts_as_number_or_text(seconds: object) -> None:
    token = read_token(json.dumps({"access_token": "abc", "expires_in": seconds, "token_type": "Bearer"}).encode())

    assert (token.access_token, token.seconds) == ("abc", 599)
    assert "abc" not in repr(token)


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in": 599},
        {"access_token": "abc"},
        {"access_token": "abc", "expires_in": "soon"},
        {"access_token": "abc", "expires_in": -1},
        {"access_token": "a\r\nb", "expires_in": 599},
        {"access_token": "", "expires_in": 599},
    ],
)
def test_a_token_that_cannot_be_used_is_an_error_of_ours(body: dict[str, object]) -> None:
    with pytest.raises(PdsProtocolError, match="token"):
        read_token(json.dumps(body).encode())


def test_the_token_services_word_is_kept_when_it_is_one() -> None:
    assert (
        token_problem(b'{"error": "public_key error", "error_description": "the key an-api-key"}') == "public_key error"
    )
    assert token_problem(b'{"error": "<html>"}') is None
