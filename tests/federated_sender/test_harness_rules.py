"""The rules for a response: each is broken alone in a good one, and good ones break none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from federated_sender.harness_answer import Answer
from federated_sender.harness_rules import TABLE, broken_rules
from shared.itk3.build import build_response
from shared.itk3.codes import RESPONSE_CODES
from shared.itk3.parse import read
from tests.shared.itk3.examples import RESPONSE, Draft

HEADER = "/f:Bundle/f:entry/f:resource/f:MessageHeader"
ISSUE = "//f:OperationOutcome/f:issue"
CODING = f"{ISSUE}/f:details/f:coding"
UNKNOWN = "urn:uuid:00000000-0000-4000-8000-000000000000"
Change = Callable[[Draft], None]


def key(url: str) -> str:
    return f"{HEADER}/f:extension/f:extension[@url='{url}']"


def answer(body: bytes) -> Answer:
    return Answer(
        reading=read(body, 1_000_000),
        workflow_id="GPFED_CONSULT_REPORT_ACK",
        mailbox="X26ABC2",
        acknowledgement_workflow="GPFED_CONSULT_REPORT_ACK",
        message_id=RESPONSE.request_message_id,
        sender_reference=RESPONSE.sender_reference,
        patient_data=frozenset({"Smith", "9690937278"}),
    )


def response(code: str = "20009") -> Draft:
    meaning = RESPONSE_CODES[code]
    return Draft(build_response(replace(RESPONSE, code=code, issue_type=meaning.issue_type)))


def names(found: Answer) -> list[str]:
    return [rule.id for rule in broken_rules(found)]


CHANGES: dict[str, Change] = {
    "bundle": lambda draft: draft.set("/f:Bundle/f:type", "collection"),
    "bundle-prohibited": lambda draft: draft.add("/f:Bundle", '<total value="3"/>'),
    "header-first": lambda draft: draft.root.append(draft.find("/f:Bundle/f:entry[1]")[0]),
    "full-urls": lambda draft: draft.repeat("/f:Bundle/f:entry[2]"),
    "fhir": lambda draft: draft.add("//f:OperationOutcome", '<colour value="blue"/>'),
    "handling-extension": lambda draft: draft.remove(f"{HEADER}/f:extension"),
    "handling-keys": lambda draft: draft.remove(key("RecipientType")),
    "bus-ack-requested": lambda draft: draft.set(f"{key('BusAckRequested')}/*", "true"),
    "inf-ack-requested": lambda draft: draft.set(f"{key('InfAckRequested')}/*", "true"),
    "sender-reference": lambda draft: draft.set(f"{key('SenderReference')}/*", "None"),
    "message-definition": lambda draft: draft.set(f"{key('MessageDefinition')}//f:reference", "urn:x"),
    "sender": lambda draft: draft.set(f"{HEADER}/f:sender/f:reference", UNKNOWN),
    "event": lambda draft: draft.set(f"{HEADER}/f:event/f:code", "ITK007C"),
    "timestamp": lambda draft: draft.set(f"{HEADER}/f:timestamp", "2026-11-20"),
    "source": lambda draft: draft.set(f"{HEADER}/f:source/f:endpoint", "X26OTHER"),
    "identifier": lambda draft: draft.set(f"{HEADER}/f:response/f:identifier", UNKNOWN[9:]),
    "details": lambda draft: draft.set(f"{HEADER}/f:response/f:details/f:reference", UNKNOWN),
    "outcome-profile": lambda draft: draft.set("//f:OperationOutcome/f:meta/f:profile", "urn:x"),
    "one-issue": lambda draft: draft.repeat(ISSUE),
    "code": lambda draft: draft.set(f"{CODING}/f:code", "INVALIDVALUE"),
    "code-system": lambda draft: draft.set(f"{CODING}/f:display", "Success"),
    "severity": lambda draft: draft.set(f"{ISSUE}/f:severity", "warning"),
    "response-code": lambda draft: draft.set(f"{HEADER}/f:response/f:code", "ok"),
    "diagnostics": lambda draft: draft.remove(f"{ISSUE}/f:diagnostics"),
    "no-patient-data": lambda draft: draft.set(f"{ISSUE}/f:diagnostics", "Mr SMITH is not known"),
}
# a fault that takes away what other rules look at
BESIDES = {
    "full-urls": ["sender"],
    "timestamp": ["fhir"],
    "one-issue": ["code"],
}


@pytest.mark.parametrize("code", RESPONSE_CODES)
def test_every_response_that_we_build_conforms(code: str) -> None:
    assert names(answer(response(code).body)) == []


@pytest.mark.parametrize("rule", CHANGES)
def test_a_broken_rule_is_named(rule: str) -> None:
    draft = response()

    CHANGES[rule](draft)

    assert sorted(names(answer(draft.body))) == sorted([rule, *BESIDES.get(rule, [])])


def test_what_cannot_be_read_breaks_that_rule_alone() -> None:
    assert names(answer(b"<Bundle")) == ["readable"]


def test_the_workflow_must_be_that_of_acknowledgements() -> None:
    found = replace(answer(response().body), workflow_id="GPFED_CONSULT_REPORT")

    assert names(found) == ["workflow"]


def test_every_rule_is_broken_by_some_test() -> None:
    assert {rule.id for rule in TABLE} == {*CHANGES, "readable", "workflow"}


@pytest.mark.parametrize(
    ("message_id", "sender_reference"),
    [(None, None), ("urn:uuid:x", "x" * 256), ("", " ")],
)
def test_what_could_not_be_read_need_not_be_given_back(message_id: str | None, sender_reference: str | None) -> None:
    body = build_response(replace(RESPONSE, request_message_id=message_id, sender_reference=sender_reference))

    assert names(replace(answer(body), message_id=message_id, sender_reference=sender_reference)) == []


def test_without_a_header_only_what_can_be_judged_is_judged() -> None:
    draft = response()
    draft.remove("/f:Bundle/f:entry[1]")

    assert names(answer(draft.body)) == ["header-first"]
