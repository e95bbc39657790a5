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
from tests.conformance import specimen
from tests.conformance.checks import description, documents
from tests.conformance.consultations import CONSULTATIONS, FEATURES, WITH_PNG, features
from tests.conformance.report_checks import CHECKS
from tests.conformance.requirements import REQUIREMENTS
from tests.conformance.specimen import ALDER, BIRCH, CONTEXT, NOW, Made
from tests.shared.itk3 import breakages
from tests.shared.itk3.examples import LIMIT, Draft, profile_problems

CASES = 150
VERSIONS = st.integers(1, 120)
RULES = {rule.id: rule for rule in TABLE}
steady = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def facts(made: Made) -> tuple[Any, ...]:
    """Return what a receiver must know in the end, from what the sender was given."""
    consultation, patient = made.consultation, made.consultation.patient
    return (
        (str(consultation.consultation_id), made.version.number, consultation.confidential, NOW),
        (ALDER, BIRCH.ods_code, description(made).strip()),
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
def test_any_legal_consultation_is_accepted_and_gives_back_its_facts_and_bytes(
    record_property: Callable[[str, object], None],
) -> None:
    cases: Counter[str] = Counter()

    @settings(steady, max_examples=CASES)
    @given(CONSULTATIONS, VERSIONS)
    def check(content: dict[str, Any], number: int) -> None:
        cases.update(["all", *features(content)])
        sent = specimen.report(content, number=number)

        assert judge(read(sent.body, LIMIT), CONTEXT).failures == ()
        assert [requirement for requirement, check in CHECKS.items() if not check(sent)] == []
        assert received(sent.body) == facts(sent.facts)
        assert specimen.report(content, number=number).body == sent.body

    check()

    shares = {feature: round(100 * cases[feature] / cases["all"]) for feature in FEATURES}
    record_property("cases", {"all": cases["all"], **shares})
    assert min(shares.values()) >= 5, shares


@pytest.mark.requirement("GPCM-C-02", "FHIR-V&V-01", "FHIR-CC-02")
def test_any_legal_consultation_becomes_a_message_that_conforms_to_the_published_profiles() -> None:
    @settings(steady, max_examples=CASES // 2)
    @given(CONSULTATIONS, VERSIONS)
    def check(content: dict[str, Any], number: int) -> None:
        assert profile_problems(specimen.report(content, number=number).body) == []

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

    assert {row[0] for row in breakages.ALL} | whole == set(RULES)
