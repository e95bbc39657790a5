"""What a rule is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.itk3.element import Element
from shared.itk3.envelope import Envelope
from shared.itk3.parse import Reading

if TYPE_CHECKING:
    from shared.itk3.payload import Payload


@dataclass(frozen=True, slots=True)
class Replaced:
    """The document that a message is to take the place of, as it was received.

    ``nhs_numbers`` are those under which it is known here, none when that is not kept any more; ``sender_ods_code``
    is the practice that wrote it, None likewise.
    """

    sender_reference: str = field(repr=False)
    nhs_numbers: frozenset[str] = field(repr=False)
    sender_ods_code: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What the receiver knows beside the message itself.

    ``sender_mailbox`` is Mex-From, None when it is not known (a dry run on a file). ``message_processed``
    and ``payload_processed`` say that a message from that mailbox with this MessageHeader.id, or with this
    payload identifier, has earned 20013 before (decision 27). ``replaced`` is the document that the message
    replaces, None when it is not here.
    """

    ods_code: str
    sender_mailbox: str | None = None
    message_processed: bool = False
    payload_processed: bool = False
    replaced: Replaced | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One received message before the table.

    ``view`` is the payload as its own rules see it; None, as ``payload``, when no kind of payload was recognised.
    """

    reading: Reading
    context: Context
    view: object | None = None
    payload: Payload | None = None

    @property
    def envelope(self) -> Envelope | None:
        """The message, if it can be read."""
        return self.reading.envelope


BUNDLE_PROHIBITED: Final = ("total", "link", "signature")
"""What ITK3 allows in none of its bundles."""
MOST_FAULTS: Final = 5
"""How many places at fault the diagnostics name."""

Predicate = Callable[[Case], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: ``holds`` is pure, and true when what it needs is missing because an earlier row failed.

    ``requirement`` is the published id or the name of the profile or guide that asks for it. ``diagnostics``
    names element and rule for the sender and never a value (GPCM-SD-074, FHIR-BA-02); ``detail`` adds where.
    """

    id: str
    requirement: str
    code: str
    issue_type: str
    diagnostics: str
    holds: Predicate
    detail: Callable[[Case], str] | None = None

    def explain(self, case: Case) -> str:
        """Return the diagnostics for a case in which the rule does not hold."""
        return self.diagnostics if self.detail is None else f"{self.diagnostics}: {self.detail(case)}"


def has_any(element: Element, *names: str) -> bool:
    """Say whether ``element`` has a child of one of ``names``."""
    return any(child.name in names for child in element.children)


def envelope_rule(check: Callable[[Envelope], bool]) -> Predicate:
    """Return a predicate on a message that can be read."""

    def holds(case: Case) -> bool:
        return case.envelope is None or check(case.envelope)

    return holds


def header_rule(check: Callable[[Element], bool]) -> Predicate:
    """Return a predicate on the MessageHeader."""

    def holds(case: Case) -> bool:
        header = case.envelope.header if case.envelope is not None else None
        return header is None or check(header)

    return holds


def key_rule(url: str, check: Callable[[Element], bool]) -> Predicate:
    """Return a predicate on one key of the message handling extension."""

    def holds(case: Case) -> bool:
        key = case.envelope.key(url) if case.envelope is not None else None
        return key is None or check(key)

    return holds


def payload_rule(check: Callable[[Payload, Element], object]) -> Predicate:
    """Return a predicate on the MessageHeader beside the kind of its payload."""

    def holds(case: Case) -> bool:
        header = case.envelope.header if case.envelope is not None else None
        return header is None or case.payload is None or bool(check(case.payload, header))

    return holds


def payload_key_rule(url: str, check: Callable[[Payload, Element], object]) -> Predicate:
    """Return a predicate on one key of the message handling extension beside the kind of payload."""

    def holds(case: Case) -> bool:
        key = case.envelope.key(url) if case.envelope is not None else None
        return key is None or case.payload is None or bool(check(case.payload, key))

    return holds
