"""What the synthetic sender can post: good messages, and for each rule of the receiver's table ways to break it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from shared.harness.breakages import BODIES, ENVELOPE, Breakage, Spoil
from shared.harness.document_breakages import DOCUMENT
from shared.harness.task_breakages import TASK
from shared.itk3.payload import Payload
from shared.itk3.payloads import TASK_PAYLOAD
from shared.itk3.rule import Rule
from shared.itk3.rules import TABLE

PLAIN: Final = "plain"
ATTACHMENTS: Final = "attachments"
CONFIDENTIAL: Final = "confidential"
UNVERIFIED: Final = "unverified"
SPARSE: Final = "sparse"
UPDATE: Final = "update"
UNKNOWN_PATIENT: Final = "unknown-patient"
MISSING_ORIGINAL: Final = "missing-original"
GOOD: Final[Mapping[str, str]] = {
    PLAIN: "A report without attachments",
    ATTACHMENTS: "A report with a picture and a text beside it",
    CONFIDENTIAL: "A report of a confidential consultation",
    UNVERIFIED: "An NHS number that is not verified, with the demographics that it needs",
    SPARSE: "A patient of whom no more is known than must be, and no notes",
    UPDATE: "Version 2 of the plain report",
    UNKNOWN_PATIENT: "A patient whom the other practice does not know",
    MISSING_ORIGINAL: "Version 2 of a document that was never sent",
}
"""What each good message is."""

TOO_LARGE: Final = "not-too-large"
SAME_MESSAGE: Final = "new-message"
SAME_DOCUMENT: Final = "new-document"
OTHER_CONSULTATION: Final = "replaced-consultation"
OTHER_PATIENT: Final = "replaced-patient"
AFTER_PLAIN: Final = frozenset({SAME_MESSAGE, SAME_DOCUMENT, OTHER_CONSULTATION, OTHER_PATIENT})
"""What shows something only when the plain message was accepted before."""

_DOCUMENTS_ALONE: Final = frozenset({MISSING_ORIGINAL, OTHER_CONSULTATION, OTHER_PATIENT})
RULES: Final[Mapping[str, Rule]] = {rule.id: rule for rule in TABLE}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One exemplar: its name, what it shows, and the requirement. One that is not ``usual`` is a further way."""

    name: str
    what: str
    requirement: str | None = None
    usual: bool = True


@dataclass(frozen=True, slots=True)
class Broken:
    """A way to break a rule: by changing a good message, or by a body that is no message at all."""

    name: str
    rule: str
    spoil: Spoil | None = None
    body: bytes | None = None


def catalogue(payload: Payload) -> tuple[Entry, ...]:
    """Return everything that can be posted with a kind of payload, in the order in which it is posted."""
    good = [Entry(name, what) for name, what in GOOD.items() if name != CONFIDENTIAL or payload.sends_confidential]
    broken = [_entry(each.name, each.rule) for each in broken_ones(payload)]
    rules = (TOO_LARGE, SAME_MESSAGE, SAME_DOCUMENT, OTHER_CONSULTATION, OTHER_PATIENT)
    special = [_entry(rule, rule) for rule in rules]
    # a Task replaces nothing
    left_out = _DOCUMENTS_ALONE if payload is TASK_PAYLOAD else frozenset()
    return tuple(entry for entry in (*good, *broken, *special) if entry.name not in left_out)


def broken_ones(payload: Payload) -> Sequence[Broken]:
    """Return every way to break a rule that needs this message alone."""
    ways: Sequence[Breakage] = (*ENVELOPE, *TASK) if payload is TASK_PAYLOAD else DOCUMENT
    changes = [Broken(name, rule, spoil=spoil) for name, (rule, _, spoil) in _named(ways)]
    return (*changes, *(Broken(name, rule, body=body) for name, (rule, _, body) in _named(BODIES)))


def _entry(name: str, rule: str) -> Entry:
    return Entry(name, RULES[rule].diagnostics, RULES[rule].requirement, usual=name == rule)


def _named(ways: Sequence[tuple[str, str, T]]) -> Iterator[tuple[str, tuple[str, str, T]]]:
    """Give the first way to break a rule the rule's name, and a further one that with a number."""
    seen: dict[str, int] = {}
    for way in ways:
        number = seen[way[0]] = seen.get(way[0], 0) + 1
        yield (way[0] if number == 1 else f"{way[0]}-{number}"), way
