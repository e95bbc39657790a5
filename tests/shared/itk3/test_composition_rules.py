"""The table for documents: one row broken at a time gives exactly its code, and 1.3 and 2.0 may differ."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from shared.itk3 import codes
from shared.itk3.build import build_report
from shared.itk3.payloads import DOCUMENT_1_3_PAYLOAD, DOCUMENT_PAYLOAD, payload_to_send
from shared.itk3.rule import Replaced
from tests.shared.itk3 import breakages
from tests.shared.itk3.documents import CONFIDENTIAL, DOCUMENT, REPLACEMENT, draft
from tests.shared.itk3.examples import GOOD, MESSAGE, Draft, judged

ORIGINAL = Replaced(MESSAGE.consultation_id.upper(), frozenset({"9690937278"}))


def ways() -> list[object]:
    return [
        pytest.param(rule, code, spoil, id=f"{rule}-{number}")
        for number, (rule, code, spoil) in enumerate(breakages.DOCUMENT)
    ]


@pytest.mark.parametrize(("rule", "code", "spoil"), ways())
def test_a_broken_rule_decides_its_code_and_quotes_nothing(rule: str, code: str, spoil: breakages.Spoil) -> None:
    sent = Draft(DOCUMENT)
    spoil(sent)

    verdict = judged(sent.body)

    assert (verdict.decided_by, verdict.code) == (rule, code)
    assert verdict.issue_type in codes.find(code).issue_types
    said = " ".join(failure.diagnostics for failure in verdict.failures)
    assert not re.search(r"9690937|Smith|Richard|1957|Starling|Pritchard|ECG|X26", said)


@pytest.mark.parametrize(("rule", "code", "original"), breakages.REPLACEMENTS)
def test_a_replacement_of_another_consultation_or_patient_is_20014(rule: str, code: str, original: Replaced) -> None:
    body = build_report(REPLACEMENT, DOCUMENT_PAYLOAD)

    assert (judged(body, replaced=original).decided_by, judged(body, replaced=original).code) == (rule, code)


@pytest.mark.parametrize("original", [ORIGINAL, replace(ORIGINAL, nhs_numbers=frozenset()), None])
def test_a_replacement_of_the_same_consultation_is_taken_whatever_is_still_known(original: Replaced | None) -> None:
    assert judged(build_report(REPLACEMENT, DOCUMENT_PAYLOAD), replaced=original).accepted


def test_a_document_with_a_task_in_it_is_neither() -> None:
    sent, task = Draft(DOCUMENT), Draft(GOOD).find("//f:Task")[0].getparent().getparent()
    sent.find("//f:Composition")[0].getparent().getparent().addnext(task)

    verdict = judged(sent.body)

    assert (verdict.decided_by, verdict.code) == ("payload-task", "20009")


def test_the_rows_of_one_payload_say_nothing_of_the_other() -> None:
    task = Draft(GOOD)
    task.set("//f:Task/f:status", "draft")
    document = Draft(DOCUMENT)
    document.set("//f:Composition/f:status", "preliminary")

    assert [failure.id for failure in judged(task.body).failures] == ["task-status"]
    assert [failure.id for failure in judged(document.body).failures] == ["composition-status"]


def test_confidential_is_allowed_in_1_3_and_refused_in_2_0() -> None:
    of_1_3 = draft(CONFIDENTIAL, DOCUMENT_1_3_PAYLOAD)
    of_2_0 = draft(CONFIDENTIAL, DOCUMENT_1_3_PAYLOAD)
    of_2_0.set("//f:extension[@url='LocalExtension']/f:valueString", "None")

    assert judged(of_1_3.body).accepted
    assert judged(of_2_0.body).decided_by == "confidential-document"


def test_a_confidential_document_of_2_0_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="must not be sent"):
        build_report(CONFIDENTIAL, DOCUMENT_PAYLOAD)


@pytest.mark.parametrize(
    ("xpath", "value"),
    [
        ("//f:extension[@url='LocalExtension']/f:valueString", "anything"),
        ("//f:extension[@url='RecipientType']/f:valueCoding/f:code", "FI"),
        ("//f:Composition/f:status", "amended"),
        ("//f:Composition/f:date", "2026-11-20"),
        ("//f:Composition/f:type/f:coding/f:code", "149701000000109"),
        ("//f:Composition/f:confidentiality", "L"),
        ("//f:Binary/f:contentType[@value='application/pdf']", "Application/PDF; name=x"),
        (
            "//f:extension[@url='MessageDefinition']//f:reference",
            "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-Instance-1",
        ),
    ],
)
def test_what_the_editions_allow_is_taken(xpath: str, value: str) -> None:
    sent = Draft(DOCUMENT)
    sent.set(xpath, value)

    assert judged(sent.body).accepted


def test_a_document_may_name_its_receiver_and_carry_narratives() -> None:
    sent = Draft(DOCUMENT)
    sent.add("//f:MessageHeader", '<receiver ><reference value="urn:uuid:x"/></receiver>')
    sent.add(
        "//f:Composition/f:section",
        '<text ><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>See the PDF</p></div></text>',
    )

    assert judged(sent.body).accepted


def test_an_author_may_be_a_practice_as_the_assessment_list_wants() -> None:
    sent = Draft(DOCUMENT)
    (practice,) = {each.get("value") for each in sent.find("//f:Composition/f:custodian/f:reference")}
    sent.set("//f:Composition/f:author/f:reference", practice)

    assert judged(sent.body).accepted


def test_other_correspondence_need_not_be_a_pdf() -> None:
    sent = Draft(DOCUMENT)
    sent.set("//f:Composition/f:type/f:coding/f:code", "149701000000109")
    (picture,) = {each.get("value") for each in sent.find("(//f:Binary)[2]/f:content")}
    sent.set("(//f:Binary)[1]/f:contentType", "image/png")
    sent.set("(//f:Binary)[1]/f:content", picture)

    assert judged(sent.body).accepted


def test_the_workflow_says_which_edition_is_sent() -> None:
    chosen = [payload_to_send("document", workflow).name for workflow in ("GPFED_CONSULT_REPORT", "OURS")]

    assert chosen == ["Document 1.3", "Document"]
    assert payload_to_send("task", "GPCONNECT_SEND_DOCUMENT").name == "Task"
