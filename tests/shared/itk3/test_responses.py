"""Responses are read leniently: no answer may be lost because it is oddly written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.itk3 import codes
from shared.itk3.build import build_response
from shared.itk3.parse import parse
from shared.itk3.responses import is_response, read_response
from tests.shared.itk3.examples import CONFORMANCE, LIMIT, MESSAGE, RESPONSE, Draft, build_report

ORGANIZATION = "/f:Bundle/f:entry[2]/f:resource/f:Organization"


def changed(change: Callable[[Draft], None]) -> bytes:
    draft = Draft(build_response(RESPONSE))
    change(draft)
    return draft.body


@pytest.mark.parametrize("code", list(codes.RESPONSE_CODES))
def test_every_published_code_is_read(code: str) -> None:
    received = read_response(build_response(replace(RESPONSE, code=code, issue_type="")))

    assert received.code == code
    assert received.request_id == RESPONSE.request_message_id
    assert received.sender_reference == RESPONSE.sender_reference
    assert received.sender_ods_code == "B82002"
    assert received.message_id == RESPONSE.response_id
    assert received.diagnostics == RESPONSE.diagnostics


@pytest.mark.parametrize("code", ["10006", "30099", "INVALIDVALUE"])
def test_a_code_that_nobody_published_is_read_too(code: str) -> None:
    received = read_response(changed(lambda draft: draft.set("//f:details/f:coding/f:code", code)))

    assert received.code == code


def test_a_header_without_its_parts_still_gives_code_and_request() -> None:
    def strip(draft: Draft) -> None:
        draft.remove("//f:MessageHeader/f:extension | //f:MessageHeader/f:sender | //f:MessageHeader/f:timestamp")
        draft.remove("//f:MessageHeader/f:source | //f:MessageHeader/f:event | //f:response/f:details")

    received = read_response(changed(strip))

    assert (received.code, received.request_id) == ("20013", RESPONSE.request_message_id)
    assert received.sender_reference is None
    assert received.sender_ods_code == "B82002"


def test_a_practitioner_may_send_a_response() -> None:
    def resend(draft: Draft) -> None:
        draft.find(ORGANIZATION)[0].tag = "{http://hl7.org/fhir}Practitioner"

    received = read_response(changed(resend))

    assert received.code == "20013"
    assert received.sender_ods_code is None


def test_an_unreadable_request_has_no_id() -> None:
    body = build_response(replace(RESPONSE, request_message_id=None, sender_reference=None))

    received = read_response(body)

    assert (received.request_id, received.sender_reference) == (None, None)


def test_a_request_id_is_compared_bare_and_in_lower_case() -> None:
    spelt = f"urn:uuid:{RESPONSE.request_message_id}".upper()

    received = read_response(changed(lambda draft: draft.set("//f:response/f:identifier", spelt)))

    assert received.request_id == RESPONSE.request_message_id


def test_details_text_stands_in_for_missing_diagnostics() -> None:
    def reword(draft: Draft) -> None:
        draft.remove("//f:issue/f:diagnostics")
        draft.add("//f:issue/f:details", '<text value="in words"/>')

    assert read_response(changed(reword)).diagnostics == "in words"


def test_of_several_codes_a_negative_one_counts() -> None:
    def second(draft: Draft) -> None:
        draft.repeat("//f:issue")
        draft.set("//f:issue[2]/f:details/f:coding/f:code", "20006")

    assert read_response(changed(second)).code == "20006"


def test_a_code_of_another_system_counts_when_there_is_no_other() -> None:
    def foreign(draft: Draft) -> None:
        draft.set("//f:details/f:coding/f:system", "https://example.org/codes")

    assert read_response(changed(foreign)).code == "20013"


@pytest.mark.parametrize("body", [b"", b"hello", b"<!DOCTYPE x><x/>", b"<x/>"])
def test_what_is_no_response_at_all_gives_nothing_and_no_error(body: bytes) -> None:
    received = read_response(body)

    assert (received.code, received.request_id, received.message_id) == (None, None, None)


def test_a_response_cut_off_gives_what_stood_before() -> None:
    body = build_response(RESPONSE)

    received = read_response(body[: body.index(b"<OperationOutcome>")])

    assert (received.code, received.request_id) == (None, RESPONSE.request_message_id)


def test_an_outcome_without_a_code_gives_its_words() -> None:
    received = read_response(changed(lambda draft: draft.remove("//f:issue/f:details")))

    assert (received.code, received.diagnostics) == (None, RESPONSE.diagnostics)


def test_the_diagnostics_of_others_stay_out_of_the_log() -> None:
    assert RESPONSE.diagnostics not in repr(read_response(build_response(RESPONSE)))


def test_a_response_is_told_by_its_response_or_by_its_event() -> None:
    without_event = changed(lambda draft: draft.set("//f:event/f:code", "ITK007C"))
    without_response = changed(lambda draft: draft.remove("//f:MessageHeader/f:response"))

    assert is_response(parse(without_event, LIMIT))
    assert is_response(parse(without_response, LIMIT))
    assert not is_response(parse(build_report(MESSAGE), LIMIT))


@pytest.mark.parametrize(
    "code",
    *[["10001", "10009", "20006", "20007", "20009", "20013", "30001", "30002", "30003", "30004"]],
)
def test_the_published_examples_are_read(code: str) -> None:
    file = CONFORMANCE / "examples" / f"ITK-Response-{code}-Example-1.xml"
    if not file.exists():
        pytest.skip("skipped: ../shared is not here")

    received = read_response(file.read_bytes())

    assert received.code == code
    assert is_response(parse(file.read_bytes(), LIMIT))
    assert (received.request_id is None) == (code == "10009")
