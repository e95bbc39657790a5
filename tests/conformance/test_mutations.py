"""Each fact of a message that a requirement asks for is broken on purpose, and a rule or check of it notices."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from registered_receiver.replies import Request, Responder, infrastructure_response
from shared.itk3.parse import read
from shared.itk3.rules import judge
from tests.conformance import mutations, report_checks, response_checks, specimen
from tests.conformance.checks import CARE_CONNECT, ITK
from tests.conformance.mutations import Mutation
from tests.conformance.requirements import REQUIREMENTS
from tests.conformance.specimen import ANSWERING_MAILBOX, CONTEXT, NOW, Specimen
from tests.federated_sender.bench import consultation
from tests.shared.itk3.examples import LIMIT, Draft, profile_problems

CHECKS = report_checks.CHECKS | response_checks.CHECKS
CODED = {
    "text": "Sore throat for 3 days",
    "code": {"system": "http://snomed.info/sct", "code": "162397003", "display": "Pain in throat"},
}
ECG = {"title": "ECG", "content_type": "image/png", "data": "iVBORw0KGgpzeW50aGV0aWM="}
FULL = consultation(
    practitioner__telephone="01632 960004",
    notes=[{"heading": "History", "items": [CODED]}],
    attachments=[ECG],
)

BARE = consultation(
    patient__title=None,
    patient__given=[],
    patient__gender=None,
    patient__telephones=[],
    patient__address=None,
    notes=[],
)

REPORT_TYPE = ("371531000", "Report of clinical encounter")
STATUSES = f"{CARE_CONNECT}CodeSystem/CareConnect-NHSNumberVerificationStatus-1"
PUBLISHED = {
    (f"{ITK}CodeSystem/ITK-RecipientType-1", "FA", "For Action"),
    (f"{ITK}CodeSystem/ITK-MessageEvent-2", "ITK007C", "ITK GP Connect Send Document"),
    (f"{ITK}CodeSystem/ITK-MessageEvent-2", "ITK008M", "ITK Response"),
    (f"{ITK}CodeSystem/ITK-ResponseCodes-1", "20009", "Payload validation failure"),
    (f"{ITK}ValueSet/DocumentType-1", *REPORT_TYPE),
    ("http://snomed.info/sct", *REPORT_TYPE),
    (STATUSES, "01", "Number present and verified"),
    (STATUSES, "02", "Number present but not traced"),
}


def negative_response() -> Specimen:
    refused = Draft(specimen.report(FULL).body)
    refused.remove("//f:Patient/f:birthDate")
    reading = read(refused.body, LIMIT)
    request = Request("20261120212500123456_ABCDEF", reading.message_id, reading.sender_reference)
    verdict = judge(reading, CONTEXT)
    return specimen.response(infrastructure_response(request, verdict, Responder("B82002", ANSWERING_MAILBOX), NOW))


MAKERS: dict[str, Callable[[], Specimen]] = {
    "report": lambda: specimen.report(FULL),
    "confidential report": lambda: specimen.report(FULL | {"confidential": True}),
    "unverified report": lambda: specimen.report(
        consultation(patient__nhs_number_verified=False, attachments=[ECG], practitioner__telephone="01632 960004")
    ),
    "bare report": lambda: specimen.report(BARE),
    "response": negative_response,
}


@lru_cache
def good(name: str) -> Specimen:
    return MAKERS[name]()


def noticed_by(requirement: str, sent: Specimen) -> list[str]:
    """Return the rules of the receiver, and the check, that belong to a requirement and do not hold."""
    found = []
    if sent.headers["Mex-From"] != ANSWERING_MAILBOX:
        verdict = judge(read(sent.body, LIMIT), CONTEXT)
        found = [
            f"rule {failure.id} ({failure.code})" for failure in verdict.failures if failure.requirement == requirement
        ]
    return found + ([] if holds(requirement, sent) else ["check"])


def holds(requirement: str, sent: Specimen) -> bool:
    try:
        return CHECKS[requirement](sent)
    except ValueError:
        return False  # where one value was to be unpacked there is another number of them


def marked(requirement: str) -> object:
    return pytest.param(requirement, marks=pytest.mark.requirement(requirement))


def case(mutation: Mutation) -> object:
    name = f"{mutation.requirement}: {mutation.what}"
    return pytest.param(mutation, id=name, marks=pytest.mark.requirement(mutation.requirement))


@pytest.mark.parametrize("mutation", [case(mutation) for mutation in mutations.ALL])
def test_a_broken_fact_is_noticed(mutation: Mutation, record_property: Callable[[str, object], None]) -> None:
    spoiled = good(mutation.of).copy()

    mutation.spoil(spoiled)

    notices = noticed_by(mutation.requirement, spoiled)
    record_property("mutation", [mutation.requirement, mutation.what, ", ".join(notices)])
    assert noticed_by(mutation.requirement, good(mutation.of)) == []
    assert notices


@pytest.mark.parametrize("requirement", [marked(requirement) for requirement in CHECKS])
def test_good_messages_say_exactly_what_the_requirement_asks(requirement: str) -> None:
    answers = requirement in response_checks.CHECKS
    sent = [good(name) for name in MAKERS if (name == "response") == answers]

    assert [holds(requirement, each) for each in sent] == [True] * len(sent)


@pytest.mark.requirement("FHIR-CC-01", "FHIR-CC-02")
@pytest.mark.parametrize("name", MAKERS)
def test_every_coding_of_a_good_message_is_a_published_one(name: str) -> None:
    codings = good(name).elements("//f:coding | //f:valueCoding | //f:MessageHeader/f:event")

    found = {
        tuple(coding.find(f"{{*}}{part}").get("value") for part in ("system", "code", "display")) for coding in codings
    }

    assert found
    assert found <= PUBLISHED


@pytest.mark.requirement("GPCM-C-02", "FHIR-CC-01", "FHIR-CC-02")
@pytest.mark.parametrize("name", MAKERS)
def test_a_good_message_conforms_to_the_published_profiles(name: str) -> None:
    assert profile_problems(good(name).body) == []


def test_every_requirement_on_content_has_a_check_and_a_mutation() -> None:
    content = {requirement.id for requirement in REQUIREMENTS.values() if requirement.content}

    assert set(CHECKS) == content
    assert {mutation.requirement for mutation in mutations.ALL} == content
