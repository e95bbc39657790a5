"""The table of rules for a response: what ITK3 and GP Connect Messaging 1.2.0 ask of the system that answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from federated_sender.harness_answer import Answer
from shared.itk3 import stu3, systems
from shared.itk3.codes import ResponseCode
from shared.itk3.element import Element
from shared.itk3.envelope import Envelope
from shared.itk3.primitives import is_fhir_id, read_instant
from shared.itk3.rule import BUNDLE_PROHIBITED, has_any

_KEYS: Final = (
    *("BusAckRequested", "InfAckRequested", "RecipientType", "MessageDefinition", "SenderReference", "LocalExtension"),
)
_LONGEST: Final = 255
_DEFINITIONS: Final = frozenset(
    # the first is that of ITK3 2.5.0, the second of every later version
    {systems.RESPONSE_DEFINITION.replace("-1", "-Instance-1"), systems.RESPONSE_DEFINITION}
)


@dataclass(frozen=True, slots=True)
class ResponseRule:
    """One row: ``holds`` is true, too, when what it needs is missing because an earlier row fails."""

    id: str
    requirement: str
    text: str
    holds: Callable[[Answer], bool]


def broken_rules(answer: Answer) -> tuple[ResponseRule, ...]:
    """Return every rule that a response breaks. Pure; never raises."""
    return tuple(rule for rule in TABLE if not rule.holds(answer))


def _envelope(check: Callable[[Envelope], object]) -> Callable[[Answer], bool]:
    return lambda answer: answer.envelope is None or bool(check(answer.envelope))


def _header(check: Callable[[Element], object]) -> Callable[[Answer], bool]:
    return lambda answer: answer.header is None or bool(check(answer.header))


def _is_message(envelope: Envelope) -> bool:
    return envelope.root.name == "Bundle" and envelope.message.kind == "message"


def _key(url: str, *path: str, wanted: Collection[str]) -> Callable[[Answer], bool]:
    """Return a check that one handling key has one of the wanted values."""

    def holds(answer: Answer) -> bool:
        key = answer.envelope.key(url) if answer.envelope is not None else None
        return key is None or key.text(*path) in wanted

    return holds


def _gives_the_reference_back(answer: Answer) -> bool:
    key = answer.envelope.key("SenderReference") if answer.envelope is not None else None
    asked = answer.sender_reference or ""
    # what is blank or longer than a response can carry cannot be given back
    return key is None or not 0 < len(asked.strip()) <= len(asked) <= _LONGEST or key.text("valueString") == asked


def _faults(envelope: Envelope) -> Iterator[str]:
    yield from stu3.faults(envelope.root, "entry")
    for resource in envelope.message.resources:
        yield from stu3.faults(resource)


def _answers_this(answer: Answer) -> bool:
    if answer.header is None:
        return True
    identifier, asked = answer.header.text("response", "identifier"), answer.message_id
    return identifier == asked if asked and is_fhir_id(asked) else identifier in (asked, systems.UNREADABLE)


def _has_its_code(answer: Answer) -> bool:
    return answer.outcome is None or (answer.coding is not None and answer.code is not None)


def _coding(check: Callable[[Element, ResponseCode, Element], bool]) -> Callable[[Answer], bool]:
    """Return a check on the issue, what its code means, and the coding."""

    def holds(answer: Answer) -> bool:
        issue = answer.outcome.one("issue") if answer.outcome is not None else None
        if issue is None or answer.coding is None or answer.code is None:
            return True
        return check(issue, answer.code, answer.coding)

    return holds


def _polarity(answer: Answer) -> bool:
    if answer.code is None or answer.header is None:
        return True
    return answer.header.text("response", "code") == answer.code.response_code


def _says_nothing_of_the_patient(answer: Answer) -> bool:
    said = " ".join(_texts(answer.envelope.root)).casefold() if answer.envelope is not None else ""
    return not any(word.casefold() in said for word in answer.patient_data)


def _texts(element: Element) -> Iterator[str]:
    yield element.value or ""
    for child in element.children:
        yield from _texts(child)


TABLE: Final = (
    ResponseRule(
        *("workflow", "GPCM-SD-058", "Mex-WorkflowID must be that of acknowledgements"),
        lambda answer: answer.workflow_id == answer.acknowledgement_workflow,
    ),
    ResponseRule(
        *("readable", "FHIR-V&V-01", "The response must be FHIR XML or FHIR JSON that can be read"),
        lambda answer: answer.envelope is not None,
    ),
    ResponseRule(
        *("bundle", "ITK-Message-Bundle-1", "The root must be a Bundle of type message with one identifier"),
        _envelope(lambda envelope: _is_message(envelope) and envelope.message.identifier),
    ),
    ResponseRule(
        *("bundle-prohibited", "ITK-Message-Bundle-1", "The Bundle must not have total, link or signature"),
        _envelope(lambda envelope: not has_any(envelope.root, *BUNDLE_PROHIBITED)),
    ),
    ResponseRule(
        *("header-first", "ITK-Message-Bundle-1", "The first entry must be the one MessageHeader"),
        _envelope(
            lambda envelope: (
                [each.name for each in envelope.message.resources[:1]] == ["MessageHeader"]
                and len(envelope.message.of_type("MessageHeader")) == 1
            )
        ),
    ),
    ResponseRule(
        *("full-urls", "ITK-Message-Bundle-1", "Each entry.fullUrl must be there once"),
        _envelope(lambda envelope: envelope.message.full_urls_differ()),
    ),
    ResponseRule(
        *("fhir", "FHIR-V&V-01", "The response must be valid FHIR STU3"),
        _envelope(lambda envelope: not any(_faults(envelope))),
    ),
    ResponseRule(
        *("handling-extension", "ITK-MessageHeader-2", "There must be one message handling extension"),
        _envelope(lambda envelope: envelope.header is None or envelope.handling is not None),
    ),
    ResponseRule(
        *("handling-keys", "ITK-MessageHeader-2", f"The handling keys {', '.join(_KEYS)} must each be there once"),
        _envelope(lambda envelope: envelope.handling is None or all(envelope.key(url) is not None for url in _KEYS)),
    ),
    ResponseRule(
        *("bus-ack-requested", "GPCM-SD-050", "BusAckRequested must be false"),
        _key("BusAckRequested", "valueBoolean", wanted={"false"}),
    ),
    ResponseRule(
        *("inf-ack-requested", "GPCM-SD-051", "InfAckRequested must be false"),
        _key("InfAckRequested", "valueBoolean", wanted={"false"}),
    ),
    ResponseRule(
        *("sender-reference", "GPCM-SD-052", "SenderReference must be that of the message answered"),
        _gives_the_reference_back,
    ),
    ResponseRule(
        *("message-definition", "ITK-MessageHeader-2", "MessageDefinition must be that of ITK3 responses"),
        _key("MessageDefinition", "valueReference", "reference", wanted=_DEFINITIONS),
    ),
    ResponseRule(
        *("sender", "GPCM-SD-053", "MessageHeader.sender must refer to an Organization with an ODS code"),
        _envelope(lambda envelope: envelope.header is None or envelope.sender_ods_code),
    ),
    ResponseRule(
        *("event", "GPCM-SD-054", "MessageHeader.event must be ITK008M of ITK-MessageEvent-2"),
        _header(
            lambda header: (
                (header.text("event", "system"), header.text("event", "code"))
                == (systems.MESSAGE_EVENT, systems.RESPONSE_EVENT)
            )
        ),
    ),
    ResponseRule(
        *("timestamp", "GPCM-SD-055", "MessageHeader.timestamp must be an instant with a time zone"),
        _header(lambda header: read_instant(header.text("timestamp"))),
    ),
    ResponseRule(
        *("source", "ITK-MessageHeader-2", "MessageHeader.source.endpoint must be the mailbox that answers"),
        lambda answer: (
            answer.header is None
            or not answer.mailbox
            or (answer.header.text("source", "endpoint") or "").strip().upper() == answer.mailbox.upper()
        ),
    ),
    ResponseRule(
        *(
            "identifier",
            "ITK-MessageHeader-2",
            "MessageHeader.response.identifier must be the id of the message answered",
        ),
        _answers_this,
    ),
    ResponseRule(
        *("details", "ITK-MessageHeader-2", "MessageHeader.response.details must refer to an OperationOutcome"),
        lambda answer: answer.header is None or answer.outcome is not None,
    ),
    ResponseRule(
        *("outcome-profile", "ITK-Response-OperationOutcome-1", "The OperationOutcome must name its profile"),
        lambda answer: (
            answer.outcome is None
            or [each.value for each in answer.outcome.all("meta", "profile")] == [systems.RESPONSE_OUTCOME]
        ),
    ),
    ResponseRule(
        *("one-issue", "ITK-Response-OperationOutcome-1", "There must be one issue: one code in a response"),
        lambda answer: answer.outcome is None or answer.outcome.one("issue") is not None,
    ),
    ResponseRule(
        *("code", "GPCM-SD-066", "The issue must have one coding, with a published code"),
        _has_its_code,
    ),
    ResponseRule(
        *("code-system", "GPCM-SD-066", "The coding must have the system and the display of ITK-ResponseCodes-1"),
        _coding(
            lambda _, code, coding: (
                (coding.text("system"), coding.text("display")) == (systems.RESPONSE_CODES, code.display)
            )
        ),
    ),
    ResponseRule(
        *("severity", "ITK-Response-OperationOutcome-1", "Severity and type of the issue must go with the code"),
        _coding(
            lambda issue, code, _: issue.text("severity") == code.severity and issue.text("code") in code.issue_types
        ),
    ),
    ResponseRule(
        *("response-code", "GPCM-SD-066", "MessageHeader.response.code must be ok or fatal-error as the code is"),
        _polarity,
    ),
    ResponseRule(
        *("diagnostics", "GPCM-SD-074", "A negative response must have diagnostics"),
        _coding(lambda issue, code, _: code.positive is not False or issue.text("diagnostics") is not None),
    ),
    ResponseRule(
        *("no-patient-data", "FHIR-BA-02", "The response must not name the patient"),
        _says_nothing_of_the_patient,
    ),
)
"""Every row; a response breaks as many as it breaks."""
