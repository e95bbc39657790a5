"""The catalogue of response codes."""

from __future__ import annotations

import pytest
from lxml import etree

from shared.itk3 import codes
from shared.itk3.codes import Level, find
from tests.shared.itk3.examples import CONFORMANCE


def test_the_catalogue_is_the_published_code_system_letter_by_letter() -> None:
    file = CONFORMANCE / "terminology" / "CodeSystem-ITK-ResponseCodes-1.xml"
    if not file.exists():
        pytest.skip("skipped: ../shared is not here")

    concepts = etree.fromstring(file.read_bytes()).findall("{*}concept")

    published = {each.find("{*}code").get("value"): each.find("{*}display").get("value") for each in concepts}
    assert {code.code: code.display for code in codes.RESPONSE_CODES.values()} == published


def test_the_first_digit_is_the_level() -> None:
    for code in codes.RESPONSE_CODES.values():
        assert code.level is (Level.BUSINESS if code.code[0] == "3" else Level.INFRASTRUCTURE)


@pytest.mark.parametrize("code", ["20013", "30001", "30004"])
def test_good_news(code: str) -> None:
    found = find(code)

    assert (found.positive, found.response_code, found.severity) == (True, "ok", "information")
    assert found.issue_type == "informational"


@pytest.mark.parametrize("code", ["10001", "10008", "20007", "20015", "30002", "30003", "30007", "30014"])
def test_bad_news(code: str) -> None:
    found = find(code)

    assert (found.positive, found.response_code) == (False, "fatal-error")


@pytest.mark.requirement("GPCM-SD-071")
def test_10006_is_known_as_negative_and_never_published() -> None:
    found = find("10006")

    assert (found.level, found.positive, found.published) == (Level.INFRASTRUCTURE, False, False)
    assert "10006" not in codes.RESPONSE_CODES


@pytest.mark.parametrize("code", ["10099", "20999", "200001"])
def test_an_unknown_infrastructure_code_is_negative(code: str) -> None:
    found = find(code)

    assert (found.level, found.positive, found.published, found.code) == (Level.INFRASTRUCTURE, False, False, code)


def test_of_an_unknown_business_code_nobody_can_say() -> None:
    found = find("30099")

    assert (found.level, found.positive, found.published) == (Level.BUSINESS, None, False)


@pytest.mark.parametrize("code", [None, "", "INVALIDVALUE", "2", "99999", "20013x"])
def test_anything_else_has_no_level(code: str | None) -> None:
    assert (find(code).level, find(code).positive) == (Level.UNKNOWN, None)


def test_spaces_around_a_code_do_not_count() -> None:
    assert find(" 20013 ") is find("20013")
