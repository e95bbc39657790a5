"""The table: one row broken at a time gives exactly its code."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from shared.itk3 import codes
from shared.itk3.parse import read
from shared.itk3.rules import TABLE, judge, read_report
from tests.shared.itk3 import breakages
from tests.shared.itk3.examples import CONFORMANCE, CONTEXT, GOOD, LIMIT, Draft, judged, reading_of, spoiled

RULES = {rule.id: rule for rule in TABLE}


def cases(rows: list[Any]) -> list[Any]:
    """Return a parameter for each row, marked with the requirement that its rule comes from."""
    found = []
    for number, (rule, code, how) in enumerate(rows):
        requirement = RULES[rule].requirement
        marks = [pytest.mark.requirement(requirement)] if requirement.startswith(("GPCM-", "FHIR-")) else []
        found.append(pytest.param(rule, code, how, id=f"{rule}-{number}", marks=marks))
    return found


@pytest.mark.requirement("GPCM-SD-065", "GPCM-SD-066", "GPCM-SD-073", "GPCM-SD-074")
@pytest.mark.parametrize(("rule", "code", "spoil"), cases(breakages.ALL))
def test_a_broken_rule_decides_its_code(rule: str, code: str, spoil: breakages.Spoil) -> None:
    body = spoiled(spoil)

    verdict = judged(body)

    assert (verdict.decided_by, verdict.code) == (rule, code)
    assert verdict.issue_type in codes.find(code).issue_types
    assert not verdict.accepted


@pytest.mark.parametrize(("rule", "code", "body"), cases(breakages.BODIES))
def test_a_body_that_cannot_be_read_is_10009(rule: str, code: str, body: bytes) -> None:
    verdict = judged(body)

    assert (verdict.decided_by, verdict.code) == (rule, code)


@pytest.mark.parametrize(("rule", "code", "context"), cases(breakages.CONTEXTS))
def test_a_message_or_document_processed_before_is_a_duplicate(rule: str, code: str, context: dict[str, Any]) -> None:
    verdict = judged(GOOD, **context)

    assert (verdict.decided_by, verdict.code) == (rule, code)


def test_a_message_larger_than_the_limit_is_20015_and_names_the_limit() -> None:
    body = GOOD

    verdict = judge(read(body, len(body) - 1), CONTEXT)

    assert (verdict.decided_by, verdict.code) == ("not-too-large", "20015")
    assert str(len(body) - 1) in verdict.diagnostics


def test_every_row_of_the_table_is_broken_by_some_test() -> None:
    ways = (*breakages.ALL, *breakages.DOCUMENT, *breakages.BODIES, *breakages.CONTEXTS, *breakages.REPLACEMENTS)
    broken = {row[0] for row in ways} | {"not-too-large"}

    assert broken == set(RULES)
    assert len(RULES) == len(TABLE)


def test_rows_send_published_negative_infrastructure_codes_with_a_fitting_issue_type() -> None:
    for rule in TABLE:
        code = codes.find(rule.code)

        assert code.published
        assert code.positive is False
        assert code.level is codes.Level.INFRASTRUCTURE
        assert rule.issue_type in code.issue_types


@pytest.mark.requirement("FHIR-BA-02", "GPCM-SD-074")
@pytest.mark.parametrize("spoil", [row[2] for row in breakages.ALL], ids=[row[0] for row in breakages.ALL])
def test_diagnostics_never_quote_the_message(spoil: breakages.Spoil) -> None:
    failures = judged(spoiled(spoil)).failures

    text = " ".join(failure.diagnostics for failure in failures)
    assert not re.search(r"9690937|Smith|Richard|1957|Starling|Osprey|Pritchard|ECG|X26", text)
    assert all(failure.diagnostics for failure in failures)


def test_a_good_message_is_20013_and_no_row_fails() -> None:
    verdict = judged(GOOD)

    assert (verdict.code, verdict.issue_type, verdict.decided_by, verdict.failures) == (
        *("20013", "informational"),
        *(None, ()),
    )
    assert verdict.accepted


def test_the_first_failing_row_decides_and_all_are_explained() -> None:
    draft = Draft()
    draft.set("//f:extension[@url='InfAckRequested']/f:valueBoolean", "false")
    draft.set("//f:Task/f:priority", "urgent")
    draft.remove("//f:Patient/f:birthDate")

    verdict = judged(draft.body)

    assert verdict.code == "10002"
    assert [failure.id for failure in verdict.failures] == ["inf-ack-requested", "birth-date", "task-priority"]
    assert verdict.failures[1].requirement == "GPCM-SD-037"


def test_diagnostics_name_the_inputs_at_fault_by_their_place() -> None:
    verdict = judged(spoiled(breakages.data(1, b"%PDF-1.7")))

    assert verdict.diagnostics.endswith(": Task.input 2")


@pytest.mark.requirement("GPCM-SD-071", "GPCM-SD-017")
def test_a_priority_key_is_ignored() -> None:
    draft = Draft()
    draft.add(
        "//f:MessageHeader/f:extension",
        '<extension url="Priority"><valueCode value="urgent"/></extension>',
    )

    assert judged(draft.body).accepted


def test_without_mex_from_the_endpoint_is_not_compared() -> None:
    assert judged(GOOD, sender_mailbox=None).accepted


def test_a_report_for_another_practice_is_20010() -> None:
    assert judged(GOOD, ods_code="A12345").code == "20010"


@pytest.mark.parametrize(
    ("xpath", "value"),
    [
        ("//f:source/f:endpoint", "x26abc1"),
        (
            "//f:extension[@url='MessageDefinition']//f:reference",
            "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-1",
        ),
        ("//f:Task/f:input/f:type/f:text", "Federated Consultation report"),
        ("//f:DocumentReference[1]/f:type/f:coding[1]/f:system", "http://snomed.info/sct"),
        ("//f:attachment/f:contentType[@value='application/pdf']", "Application/PDF; name=x"),
        ("//f:Task/f:description", "Federated Consultation Report for A B, NHS Number 9690937278"),
        ("//f:DocumentReference/f:created", "2026-11"),
    ],
)
def test_harmless_variations_are_taken(xpath: str, value: str) -> None:
    draft = Draft()
    draft.set(xpath, value)

    assert judged(draft.body).accepted


def test_facts_are_refused_for_a_message_without_a_known_payload() -> None:
    reading = read(spoiled(breakages.remove("//f:Bundle/f:Bundle//f:entry | //f:resource/f:Bundle/f:entry")), LIMIT)
    assert reading.envelope is not None

    with pytest.raises(ValueError, match="no payload"):
        read_report(reading.envelope)


def test_the_published_skeleton_is_accepted_by_the_practice_it_is_for() -> None:
    file = CONFORMANCE / "examples" / "request-task-skeleton.xml"
    if not file.exists():
        pytest.skip("skipped: ../shared is not here")

    verdict = judge(read(file.read_bytes(), LIMIT), replace(CONTEXT, ods_code="b12345", sender_mailbox="MESHGP0001"))

    assert verdict.accepted


def test_judging_twice_says_the_same() -> None:
    reading = reading_of()

    assert judge(reading, CONTEXT) == judge(reading, CONTEXT)


@pytest.mark.requirement("GPCM-SD-042")
@pytest.mark.parametrize("reference", ["urn:uuid:", " URN:OID: none "])
def test_a_reference_of_which_its_prefix_alone_is_left_identifies_no_consultation(reference: str) -> None:
    sent = Draft()
    sent.set("//f:extension[@url='SenderReference']/f:valueString", reference)

    verdict = judged(sent.body)

    assert (verdict.decided_by, verdict.code) == ("sender-reference", "10007")
