"""Every response code of the receiver is earned by a real fault or fact, and every response is as it must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

from registered_receiver.matching import IndexedPatient
from shared.itk3.build import build_report
from shared.itk3.codes import find
from shared.itk3.identity import payload_identifier
from shared.itk3.parse import read
from shared.itk3.payloads import DOCUMENT_PAYLOAD
from shared.itk3.rules import TABLE
from tests.conformance import response_checks
from tests.conformance.checks import DOCUMENT, HEADER, PATIENT, TASK
from tests.conformance.specimen import Specimen
from tests.fakes.mesh import Message
from tests.registered_receiver.bench import INDEXED_SMITH, PHOTOGRAPH, REPORT, ReceiverBench, report
from tests.registered_receiver.conftest import MakeReceiver
from tests.shared.itk3 import breakages
from tests.shared.itk3.breakages import Spoil, change, data, remove
from tests.shared.itk3.examples import Draft, profile_problems

HANDLING = f"{HEADER}/f:extension"
DEFINITION = f"{HANDLING}/f:extension[@url='MessageDefinition']/f:valueReference/f:reference"
SEND_DOCUMENT = "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition"
UNREADABLE = "UNREADABLE-IN-ORIGINAL-MESSAGE"


def key(url: str) -> str:
    return f"{HANDLING}/f:extension[@url='{url}']"


FAULTS: list[tuple[str, str, Spoil]] = [
    ("10001", "no handling extension", remove(HANDLING)),
    ("10002", "InfAckRequested is false", change(f"{key('InfAckRequested')}/f:valueBoolean", "false")),
    ("10003", "BusAckRequested is false", change(f"{key('BusAckRequested')}/f:valueBoolean", "false")),
    ("10004", "another definition", change(DEFINITION, "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-Other-1")),
    ("10005", "version 2 of the definition", change(DEFINITION, f"{SEND_DOCUMENT}-2")),
    ("10007", "a SenderReference that identifies nothing", change(f"{key('SenderReference')}/f:valueString", "None")),
    ("10008", "no event", remove(f"{HEADER}/f:event")),
    ("10008", "an event of another kind", change(f"{HEADER}/f:event/f:code", "ITK006D")),
    ("10008", "no BusAckRequested", remove(key("BusAckRequested"))),
    ("10010", "for information", change(f"{key('RecipientType')}/f:valueCoding/f:code", "FI")),
    ("20004", "a program by its type", change(f"({DOCUMENT})[2]//f:contentType", "application/x-msdownload")),
    ("20005", "a program by its bytes", data(1, b"\x7fELF\x02\x01")),
    ("20006", "no sender", remove(f"{HEADER}/f:sender")),
    ("20009", "no birth date", remove(f"{PATIENT}/f:birthDate")),
    (
        "20010",
        "for another practice",
        change("(//f:Bundle//f:Bundle//f:Organization)[2]/f:identifier/f:value", "C83003"),
    ),
]
# one row of each kind: the others are tried without a receiver
OF_DOCUMENTS = [
    row
    for row in breakages.DOCUMENT
    if row[0] in ("binary-type", "binary-bytes", "composition-custodian", "composition-status", "confidential-document")
]
STANDINGS: list[tuple[str, str, IndexedPatient]] = [
    ("30001", "registered", INDEXED_SMITH),
    (
        "30002",
        "not known",
        replace(INDEXED_SMITH, nhs_number="9690937286", family="Jones", birth_date=date(1980, 2, 3)),
    ),
    ("30003", "left", replace(INDEXED_SMITH, status="left", left_on=date(2026, 1, 1))),
    ("30003", "died seven months ago", replace(INDEXED_SMITH, status="deceased", died_on=date(2026, 4, 1))),
    ("30004", "died last month", replace(INDEXED_SMITH, status="deceased", died_on=date(2026, 10, 1))),
]
REACHABLE = {
    *(f"100{number:02}" for number in (1, 2, 3, 4, 5, 7, 8, 9, 10)),
    *("20004", "20005", "20006", "20007", "20008", "20009", "20010", "20013"),
    *("20014", "20015"),
    *("30001", "30002", "30003", "30004"),
}


def answers(receiver: ReceiverBench, body: bytes, expected: list[str]) -> None:
    """Deliver a message and hold every response to it against the requirements on responses."""
    before = len(receiver.posts())
    receiver.deliver(body, subject="Federated consultation report")

    receiver.once()

    posts = receiver.posts()[before:]
    assert receiver.answers()[before:] == expected
    for post, code in zip(posts, expected, strict=True):
        assert wrong_with(post, code, body, receiver) == []


def wrong_with(post: Message, code: str, body: bytes, receiver: ReceiverBench) -> list[str]:
    """Return the requirements that a response breaks."""
    reading = read(body, 10**9)
    draft = Draft(post.body)
    said = [element.get("value") for element in draft.find("//f:issue/f:diagnostics")]
    reference = (reading.sender_reference or "").strip()
    facts = SimpleNamespace(
        code=code,
        sender_reference=reference or "None",
        request_message_id=reading.message_id or UNREADABLE,
        responder_ods_code="B82002",
        generated_at=receiver.now(),
        diagnostics=said[0],
    )
    sent = Specimen(facts, draft, {"Mex-From": post.sender, "Mex-WorkflowID": post.workflow_id})
    return [requirement for requirement, check in response_checks.CHECKS.items() if not check(sent)]


@pytest.mark.requirement("GPCM-SD-066", "GPCM-SD-074", "FHIR-BA-02", "RC-HS-01", "RC-HS-02")
@pytest.mark.parametrize(("code", "spoil"), [pytest.param(row[0], row[2], id=f"{row[0]} {row[1]}") for row in FAULTS])
def test_a_real_fault_earns_its_code_and_the_message_goes_no_further(
    receiver: ReceiverBench, code: str, spoil: Callable[[Draft], None]
) -> None:
    draft = Draft(build_report(report()))
    spoil(draft)

    answers(receiver, draft.body, [code])

    assert (receiver.only()["state"], receiver.tasks()) == ("rejected", [])


@pytest.mark.requirement("GPCM-SD-066", "GPCM-SD-074", "FHIR-BA-02")
@pytest.mark.parametrize(("code", "spoil"), [pytest.param(*row[1:], id=f"{row[1]} {row[0]}") for row in OF_DOCUMENTS])
def test_a_real_fault_of_a_document_earns_its_code(receiver: ReceiverBench, code: str, spoil: Spoil) -> None:
    draft = Draft(build_report(report(), DOCUMENT_PAYLOAD))
    spoil(draft)

    answers(receiver, draft.body, [code])

    assert (receiver.only()["state"], receiver.tasks()) == ("rejected", [])


@pytest.mark.requirement("1.3/GPCM-SD-127", "FHIR-BA-02")
def test_a_document_that_cannot_take_the_place_of_another_earns_20014(receiver: ReceiverBench) -> None:
    original = report()
    replaces = payload_identifier(original.report_id)
    other = report(2, consultation_id="5a1f3b8e-0000-4000-8000-000000000001", replaces=replaces)
    answers(receiver, build_report(original, DOCUMENT_PAYLOAD), ["20013", "30001"])

    answers(receiver, build_report(other, DOCUMENT_PAYLOAD), ["20014"])

    assert len(receiver.tasks()) == 1


@pytest.mark.requirement("GPCM-SD-067")
@pytest.mark.parametrize(
    "xpath",
    [
        *(key(url) for url in ("BusAckRequested", "InfAckRequested", "RecipientType", "SenderReference")),
        *(key("MessageDefinition"), f"{HEADER}/f:timestamp", f"{HEADER}/f:event"),
    ],
)
def test_each_mandatory_element_that_is_missing_earns_10008(receiver: ReceiverBench, xpath: str) -> None:
    draft = Draft(build_report(report()))
    draft.remove(xpath)

    answers(receiver, draft.body, ["10008"])

    assert receiver.only()["state"] == "rejected"


@pytest.mark.requirement("GPCM-SD-067", "GPCM-SD-071")
@pytest.mark.parametrize("priority", [None, "routine", "urgent"])
def test_a_priority_key_is_neither_asked_for_nor_looked_at(receiver: ReceiverBench, priority: str | None) -> None:
    draft = Draft(build_report(report()))
    if priority is not None:
        draft.add(HANDLING, f'<extension url="Priority"><valueCode value="{priority}"/></extension>')

    answers(receiver, draft.body, ["20013", "30001"])

    assert receiver.only()["state"] == "filed"


@pytest.mark.requirement("GPCM-SD-071", "GPCM-SD-073")
@pytest.mark.parametrize("priority", ["urgent", "asap", "stat"])
def test_a_task_that_is_not_routine_earns_10008_and_not_10006(receiver: ReceiverBench, priority: str) -> None:
    draft = Draft(build_report(report()))
    draft.set(f"{TASK}/f:priority", priority)

    answers(receiver, draft.body, ["10008"])

    assert receiver.only()["state"] == "rejected"


@pytest.mark.requirement("FHIR-RR-02", "RC-HS-01", "FHIR-BA-02")
@pytest.mark.parametrize(
    ("code", "patient"), [pytest.param(row[0], row[2], id=f"{row[0]} {row[1]}") for row in STANDINGS]
)
def test_a_patients_standing_earns_its_code_after_20013(
    make_receiver: MakeReceiver, code: str, patient: IndexedPatient
) -> None:
    receiver = make_receiver()
    receiver.know(patient)

    answers(receiver, build_report(report()), ["20013", code])

    assert len(receiver.tasks()) == (1 if find(code).positive else 0)


@pytest.mark.requirement("GPCM-SD-066", "FHIR-V&V-01", "RC-HS-02")
@pytest.mark.parametrize("body", [b"", b"hello", b"<Bundle", build_report(report())[:2_000]])
def test_what_cannot_be_read_earns_10009(receiver: ReceiverBench, body: bytes) -> None:
    answers(receiver, body, ["10009"])

    assert receiver.only()["state"] == "rejected"


@pytest.mark.requirement("GPCM-SD-066", "RC-HS-02")
def test_what_is_too_large_earns_20015(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver(MAX_MESSAGE_SIZE="20KB")

    large = build_report(report(documents=(REPORT, replace(PHOTOGRAPH, data=PHOTOGRAPH.data * 5000))))

    answers(receiver, large, ["20015"])

    assert receiver.only()["state"] == "rejected"


@pytest.mark.requirement("FHIR-RR-05", "RC-HS-02")
def test_a_message_and_a_document_that_came_before_earn_20007_and_20008(receiver: ReceiverBench) -> None:
    body = build_report(report())
    (identifier,) = {element.get("value") for element in Draft(body).find(f"{HEADER}/f:id")}
    answers(receiver, body, ["20013", "30001"])

    answers(receiver, body, ["20007"])
    answers(receiver, body.replace(identifier.encode(), b"11111111-2222-4333-8444-555555555555"), ["20008"])

    assert len(receiver.tasks()) == 1


@pytest.mark.requirement("GPCM-SD-071")
def test_every_code_that_can_be_reached_is_reached_here_and_10006_is_not_among_them() -> None:
    by_hand = {"10009", "20007", "20008", "20013", "20014", "20015"}

    assert {row[0] for row in (*FAULTS, *STANDINGS)} | by_hand == REACHABLE
    assert {rule.code for rule in TABLE} == {code for code in REACHABLE if find(code).positive is False and code < "3"}


@pytest.mark.requirement("GPCM-C-02")
def test_responses_conform_to_the_published_profiles(receiver: ReceiverBench) -> None:
    receiver.deliver(build_report(report()))
    receiver.deliver(b"hello", subject="x")
    receiver.once()

    assert [profile_problems(post.body) for post in receiver.posts()] == [[], [], []]
