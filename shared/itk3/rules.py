"""Judges a received message by one table of rules: the first row that fails decides the response code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.itk3 import stu3
from shared.itk3.bundle import Bundle
from shared.itk3.codes import ACCEPTED
from shared.itk3.demographics import PeopleView
from shared.itk3.envelope import Envelope
from shared.itk3.header_rules import HEADER
from shared.itk3.model import Identifier, ReceivedReport
from shared.itk3.naming import normal_form
from shared.itk3.parse import Reading
from shared.itk3.payload import Payload
from shared.itk3.payloads import PAYLOADS
from shared.itk3.rule import BUNDLE_PROHIBITED, MOST_FAULTS, Case, Context, Predicate, Rule, envelope_rule, has_any

REPLACEMENT_FAILED: Final = "20014"


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that does not hold for a message."""

    id: str
    requirement: str
    code: str
    issue_type: str
    diagnostics: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one infrastructure response a message gets, and every row that fails on it (``explain``).

    ``decided_by`` is the id of the row that decided; None when all hold and the code is 20013.
    """

    code: str
    issue_type: str
    diagnostics: str
    decided_by: str | None
    failures: tuple[Failure, ...]

    @property
    def accepted(self) -> bool:
        """Whether the message may be processed further (GPCM-SD-066)."""
        return self.decided_by is None


def judge(reading: Reading, context: Context) -> Verdict:
    """Hold a message that is not a response against the table (decision 7). Pure; never raises."""
    payload = recognise(reading.envelope)
    bundle = reading.envelope and reading.envelope.payload
    case = Case(reading, context, payload.view(bundle) if payload and bundle else None, payload)
    failures = tuple(
        Failure(rule.id, rule.requirement, rule.code, rule.issue_type, rule.explain(case))
        for rule in TABLE
        if not rule.holds(case)
    )
    if not failures:
        return Verdict(ACCEPTED, "informational", "The message is valid and was taken", None, ())
    first = failures[0]
    return Verdict(first.code, first.issue_type, first.diagnostics, first.id, failures)


def read_report(envelope: Envelope) -> ReceivedReport:
    """Return the facts of a message that was accepted. Raises ValueError for one that was not."""
    payload = recognise(envelope)
    if payload is None:
        raise ValueError("the message has no payload of a known kind")
    return payload.read(envelope)


def states_confidence(envelope: Envelope | None) -> bool:
    """Say whether a message, accepted or not, states that its consultation is confidential."""
    payload = recognise(envelope)
    view = payload.view(envelope.payload) if payload and envelope and envelope.payload else None
    return isinstance(view, PeopleView) and view.is_confidential


def replaced_by(reading: Reading) -> Identifier | None:
    """Return what the document is called that a message is to take the place of, if it names one."""
    payload = recognise(reading.envelope)
    bundle = reading.envelope and reading.envelope.payload
    return payload.replaces(bundle) if payload and bundle else None


def recognise(envelope: Envelope | None) -> Payload | None:
    """Return the kind of the message's payload, None when it is of no known kind."""
    bundle = envelope and envelope.payload
    return next((payload for payload in PAYLOADS if bundle and payload.recognises(bundle)), None)


def _focus_resolves(envelope: Envelope) -> bool:
    has_reference = envelope.header and envelope.header.one("focus", "reference")
    return not has_reference or envelope.payload is not None


def _payload(check: Callable[[Bundle], object]) -> Predicate:
    """Return a predicate on the payload bundle."""
    return envelope_rule(lambda envelope: envelope.payload is None or bool(check(envelope.payload)))


def _payload_faults(bundle: Bundle | None) -> list[str]:
    """Return where the payload bundle or a resource in it is not of FHIR's types."""
    if bundle is None:
        return []
    resources = [fault for resource in bundle.resources for fault in stu3.faults(resource)]
    return [*stu3.faults(bundle.element, "entry"), *dict.fromkeys(resources)]


_PAYLOAD_BUNDLE: Final = (
    Rule(
        *("payload-bundle", "GPCM-SD-001", "20009", "structure"),
        "MessageHeader.focus must refer to a Bundle of the message",
        envelope_rule(_focus_resolves),
    ),
    Rule(
        *("payload-identifier", "ITK-Payload-Bundle-1", "20009", "required"),
        "The payload bundle's identifier.value must be present once",
        # a prefix alone would name every such document alike
        _payload(lambda bundle: normal_form(bundle.identifier)),
    ),
    Rule(
        *("payload-entries", "ITK-Payload-Bundle-1", "20009", "required"),
        "Each entry of the payload bundle must have one resource",
        _payload(lambda bundle: len(bundle.resources) == len(bundle.entries) > 0),
    ),
    Rule(
        *("payload-prohibited", "ITK-Payload-Bundle-1", "20009", "structure"),
        "The payload bundle must not have total, link or signature",
        _payload(lambda bundle: not has_any(bundle.element, *BUNDLE_PROHIBITED)),
    ),
    Rule(
        *("payload-full-urls", "ITK-Payload-Bundle-1", "20009", "structure"),
        "Each entry.fullUrl of the payload bundle must be there once",
        _payload(lambda bundle: bundle.full_urls_differ()),
    ),
    Rule(
        *("payload-task", "GPCM-SD-014", "20009", "not-supported"),
        "The payload bundle must have exactly one Task, or be a document with exactly one Composition",
        _payload(lambda bundle: any(payload.recognises(bundle) for payload in PAYLOADS)),
    ),
)

_PAYLOAD_FHIR: Final = Rule(
    *("payload-fhir", "FHIR-V&V-01", "20009", "structure"),
    "The payload is not valid FHIR STU3",
    _payload(lambda bundle: not _payload_faults(bundle)),
    lambda case: "; ".join(_payload_faults(case.envelope.payload if case.envelope else None)[:MOST_FAULTS]),
)

_NEW_DOCUMENT: Final = Rule(
    *("new-document", "FHIR-RR-05", "20008", "duplicate"),
    "A document with the payload bundle's identifier was accepted before",
    lambda case: not case.context.payload_processed,
)

# what both kinds of payload want stands in the table once
TABLE: Final = tuple(
    dict.fromkeys(
        (
            *HEADER,
            *_PAYLOAD_BUNDLE,
            *(rule for payload in PAYLOADS for rule in payload.structure_rules),
            _PAYLOAD_FHIR,
            _NEW_DOCUMENT,
            *(rule for payload in PAYLOADS for rule in payload.business_rules),
        )
    )
)
"""Every row in the order in which they are asked; the rows of a payload look at their own kind only."""
