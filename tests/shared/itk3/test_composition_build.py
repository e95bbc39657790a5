"""A report as a document of GP Connect Send Document 1.3 and 2.0."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.itk3.build import build_report
from shared.itk3.identity import payload_identifier
from shared.itk3.model import ReportMessage
from shared.itk3.payload import Payload
from shared.itk3.payloads import DOCUMENT_1_3_PAYLOAD, DOCUMENT_PAYLOAD
from tests.shared.itk3.documents import CONFIDENTIAL, EDITIONS, REPLACEMENT, draft
from tests.shared.itk3.examples import MESSAGE, profile_problems

XHTML = "{http://www.w3.org/1999/xhtml}"


def values(xpath: str, message: ReportMessage = MESSAGE, payload: Payload = DOCUMENT_PAYLOAD) -> list[Any]:
    return [element.get("value") for element in draft(message, payload).find(xpath)]


@pytest.mark.parametrize("payload", EDITIONS, ids=lambda payload: payload.name)
@pytest.mark.parametrize("message", [MESSAGE, REPLACEMENT], ids=["first", "replacement"])
def test_a_document_conforms_to_the_published_profiles(message: ReportMessage, payload: Payload) -> None:
    assert profile_problems(build_report(message, payload)) == []


def test_a_confidential_document_of_1_3_conforms_to_the_published_profiles() -> None:
    assert profile_problems(build_report(CONFIDENTIAL, DOCUMENT_1_3_PAYLOAD)) == []


def test_the_same_value_gives_the_same_bytes() -> None:
    assert build_report(REPLACEMENT, DOCUMENT_PAYLOAD) == build_report(REPLACEMENT, DOCUMENT_PAYLOAD)


def test_the_composition_comes_first_and_each_document_has_its_section() -> None:
    entries = [entry[0].tag.partition("}")[2] for entry in draft().find("//f:Bundle//f:Bundle/f:entry/f:resource")]

    assert entries == ["Composition", "Practitioner", "Organization", "Patient", "Binary", "Binary"]
    assert values("//f:section/f:title") == ["Federated Consultation Report", "ECG"]
    assert values("//f:section/f:entry/f:reference") == [
        f"urn:uuid:{identifier}" for identifier in values("//f:Binary/f:id")
    ]


def test_a_document_has_the_dates_and_the_identifier_that_fhir_asks_for() -> None:
    assert values("//f:Bundle/f:meta/f:lastUpdated") == ["2026-11-20T21:25:00+00:00"]
    assert values("//f:Composition/f:date") == ["2026-11-20T21:25:00+00:00"]
    own = payload_identifier(MESSAGE.report_id)
    assert values("//f:Bundle//f:Bundle/f:identifier/f:value") == [own]
    assert values("//f:Composition/f:identifier/f:value") == [own]


def test_a_replacement_names_the_document_before_it_and_its_own_version() -> None:
    assert values("//f:relatesTo/f:code", REPLACEMENT) == ["replaces"]
    assert values("//f:relatesTo/f:targetIdentifier/f:value", REPLACEMENT) == [payload_identifier(MESSAGE.report_id)]
    assert values("//f:Composition/f:meta/f:versionId", REPLACEMENT) == ["2"]


@pytest.mark.parametrize(
    ("payload", "message", "text"),
    [
        (
            DOCUMENT_PAYLOAD,
            MESSAGE,
            "Consultation report for Mr Richard John Smith, NHS Number: 9690937278, seen at Starling Surgery, B81001,"
            " Version: 1",
        ),
        (
            DOCUMENT_1_3_PAYLOAD,
            MESSAGE,
            "Consultation report for Mr Richard John Smith, NHS Number 9690937278, seen at Starling Surgery,"
            " ODS Code B81001, Version 1",
        ),
        (
            DOCUMENT_1_3_PAYLOAD,
            CONFIDENTIAL,
            "Consultation report for Mr Richard John Smith, NHS Number 9690937278, Version 1",
        ),
    ],
    ids=["2.0", "1.3", "confidential"],
)
def test_the_text_is_the_line_for_the_worklist(payload: Payload, message: ReportMessage, text: str) -> None:
    (narrative,) = draft(message, payload).find("//f:Composition/f:text")

    assert narrative.find(f"{XHTML}div/{XHTML}p").text == payload.describe(message) == text


def test_a_text_that_xml_cannot_carry_is_refused_without_being_quoted() -> None:
    odd = replace(MESSAGE, patient=replace(MESSAGE.patient, name=replace(MESSAGE.patient.name, family="Sm\x0bith")))

    with pytest.raises(ValueError, match="cannot carry") as refused:
        build_report(odd, DOCUMENT_PAYLOAD)
    assert "ith" not in str(refused.value).replace("with", "")
