"""Whatever a clinical system may legally give becomes a message that conforms, is accepted and says the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.itk3.model import Address
from shared.itk3.parse import read
from shared.itk3.rules import TABLE, judge, read_report
from tests.conformance import document_checks, pdf_checks, specimen
from tests.conformance.checks import Check, description, documents
from tests.conformance.consultations import CONSULTATIONS, FEATURES, WITH_PNG, features
from tests.conformance.document_checks import ORIGINAL, line_2_0
from tests.conformance.report_checks import CHECKS
from tests.conformance.requirements import REQUIREMENTS
from tests.conformance.specimen import ALDER, BIRCH, CONTEXT, NOW, Made, Specimen
from tests.shared.itk3 import breakages
from tests.shared.itk3.examples import LIMIT, Draft, profile_problems

CASES = 150
VERSIONS = st.integers(1, 120)
RULES = {rule.id: rule for rule in TABLE}
OF_TASKS = {row[0] for row in breakages.ALL}
steady = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


# documents share most of their code with reports, so fewer of them show the rest
PAYLOADS = pytest.mark.parametrize(
    ("payload", "cases"), [("task", CASES), ("document", CASES // 4), ("document 1.3", CASES // 4)]
)


def sent_as(payload: str, content: dict[str, Any], number: int) -> Specimen:
    """Return a report as what can be sent: nothing confidential goes in 2.0."""
    confidential = content["confidential"] and payload != "document"
    replaces = ORIGINAL if number > 1 else None
    content = content | {"confidential": confidential}
    return specimen.report(content, number=number, payload=payload, replaces=replaces)


def checks_of(payload: str) -> dict[str, Check]:
    if payload == "task":
        return CHECKS
    return document_checks.checks_of("1.3" if payload == "document 1.3" else "2.0") | pdf_checks.CHECKS


def facts(made: Made, payload: str) -> tuple[Any, ...]:
    """Return what a receiver must know in the end, from what the sender was given."""
    consultation, patient = made.consultation, made.consultation.patient
    return (
        (str(consultation.consultation_id), made.version.number, consultation.confidential, NOW),
        (ALDER, BIRCH.ods_code, description(made).strip()) if payload == "task" else (ALDER, None, line_2_0(made)),
        (patient.nhs_number, patient.nhs_number_verified, patient.birth_date, patient.gender),
        (patient.family, patient.given, patient.title),
        (patient.telephones, patient.current_telephones),
        (_address(patient.address), _address(patient.current_address)),
        (consultation.practitioner.sds_user_id, consultation.practitioner.family, consultation.practitioner.telephone),
        [(kind, data) for _, kind, data in documents(made)],
    )


def _address(address: Any) -> Address | None:
    return Address(address.lines, address.postcode) if address and (address.lines or address.postcode) else None


def received(body: bytes) -> tuple[Any, ...]:
    envelope = read(body, LIMIT).envelope
    assert envelope is not None
    report = read_report(envelope)
    patient, practitioner = report.patient, report.practitioner
    assert practitioner is not None
    return (
        (report.sender_reference, report.version, report.confidential, report.authored_on),
        (report.sender, report.recipient_ods_code, report.description.strip()),
        (patient.nhs_number, patient.nhs_number_verified, patient.birth_date, patient.gender),
        (patient.name.family, patient.name.given, patient.name.prefix),
        (patient.telephones, patient.current_telephones),
        (patient.address, patient.current_address),
        (practitioner.sds_user_id, practitioner.name.family, practitioner.telephone),
        [(document.content_type, document.data) for document in report.documents],
    )


@pytest.mark.requirement("GPCM-C-02", "GPCM-SD-024", "GPCM-SD-027", "GPCM-SD-088", "FHIR-VER-01")
@PAYLOADS
def test_any_legal_consultation_is_accepted_and_gives_back_its_facts_and_bytes(
    payload: str, cases: int, record_property: Callable[[str, object], None]
) -> None:
    counted: Counter[str] = Counter()

    @settings(steady, max_examples=cases)
    @given(CONSULTATIONS, VERSIONS)
    def check(content: dict[str, Any], number: int) -> None:
        counted.update(["all", *features(content)])
        sent = sent_as(payload, content, number)

        assert judge(read(sent.body, LIMIT), CONTEXT).failures == ()
        assert [requirement for requirement, check in checks_of(payload).items() if not check(sent)] == []
        assert received(sent.body) == facts(sent.facts, payload)
        assert sent_as(payload, content, number).body == sent.body

    check()

    shares = {feature: round(100 * counted[feature] / counted["all"]) for feature in FEATURES}
    if payload == "task":
        record_property("cases", {"all": counted["all"], **shares})
    assert min(shares.values()) >= (5 if payload == "task" else 1), shares


@pytest.mark.requirement("GPCM-C-02", "FHIR-V&V-01", "FHIR-CC-02", "1.3/GPCM-C-02", "2.0/GPCM-C-2")
@PAYLOADS
def test_any_legal_consultation_becomes_a_message_that_conforms_to_the_published_profiles(
    payload: str, cases: int
) -> None:
    @settings(steady, max_examples=cases // 2)
    @given(CONSULTATIONS, VERSIONS)
    def check(content: dict[str, Any], number: int) -> None:
        assert profile_problems(sent_as(payload, content, number).body) == []

    check()


def rule_case(rule: str) -> object:
    listed = RULES[rule].requirement in REQUIREMENTS
    return pytest.param(rule, marks=[pytest.mark.requirement(RULES[rule].requirement)] if listed else [])


@pytest.mark.requirement("GPCM-SD-065", "GPCM-SD-066")
@pytest.mark.parametrize("rule", [rule_case(rule) for rule in dict.fromkeys(row[0] for row in breakages.ALL)])
def test_one_thing_broken_in_any_message_decides_exactly_its_code(rule: str) -> None:
    ways = [(code, spoil) for broken, code, spoil in breakages.ALL if broken == rule]

    @settings(steady, max_examples=4)
    @given(WITH_PNG)
    def check(content: dict[str, Any]) -> None:
        body = specimen.report(content).body
        for code, spoil in ways:
            draft = Draft(body)
            spoil(draft)
            verdict = judge(read(draft.body, LIMIT), CONTEXT)
            assert (verdict.decided_by, verdict.code) == (rule, code)

    check()


@pytest.mark.parametrize("rule", dict.fromkeys(row[0] for row in breakages.DOCUMENT if row[0] not in OF_TASKS))
def test_one_thing_broken_in_any_document_decides_exactly_its_code(rule: str) -> None:
    ways = [(code, spoil) for broken, code, spoil in breakages.DOCUMENT if broken == rule]

    @settings(steady, max_examples=3)
    @given(WITH_PNG)
    def check(content: dict[str, Any]) -> None:
        body = specimen.report(content, payload="document").body
        for code, spoil in ways:
            draft = Draft(body)
            spoil(draft)
            verdict = judge(read(draft.body, LIMIT), CONTEXT)
            assert (verdict.decided_by, verdict.code) == (rule, code)

    check()


@pytest.mark.requirement("GPCM-SD-066", "FHIR-RR-05", "FHIR-V&V-01")
def test_any_message_empty_cut_off_too_large_or_seen_before_gets_exactly_its_code() -> None:
    @settings(steady, max_examples=10)
    @given(CONSULTATIONS)
    def check(content: dict[str, Any]) -> None:
        body = specimen.report(content).body
        verdicts = [
            judge(read(b"", LIMIT), CONTEXT),
            judge(read(body[: len(body) // 2], LIMIT), CONTEXT),
            judge(read(body, len(body) - 1), CONTEXT),
            judge(read(body, LIMIT), replace(CONTEXT, message_processed=True)),
            judge(read(body, LIMIT), replace(CONTEXT, payload_processed=True)),
        ]
        assert [(verdict.decided_by, verdict.code) for verdict in verdicts] == [
            *(("not-empty", "10009"), ("readable", "10009"), ("not-too-large", "20015")),
            *(("new-message", "20007"), ("new-document", "20008")),
        ]

    check()


def test_every_row_of_the_table_is_broken_here() -> None:
    whole = {"not-empty", "readable", "not-too-large", "new-message", "new-document"}

    broken = {row[0] for row in (*breakages.ALL, *breakages.DOCUMENT, *breakages.REPLACEMENTS)}
    assert broken | whole == set(RULES)
