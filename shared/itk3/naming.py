"""What a message and the document in it are called, in one normal form: by any of it a later one may name it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.itk3.element import Element
from shared.itk3.envelope import Envelope
from shared.itk3.model import Identifier

_PREFIX: Final = re.compile(r"\Aurn:(uuid|oid):\s*", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class NameKind(StrEnum):
    """What bears a name; the first is the surest, the last is common to all versions of a consultation."""

    PAYLOAD = "payload"
    """The payload bundle's identifier: ITK3's identity of a document, and what our own sender names."""
    MESSAGE = "message"
    """MessageHeader.id."""
    BUNDLE = "bundle"
    """The payload bundle's id."""
    ENVELOPE = "envelope"
    """The message bundle's id."""
    COMPOSITION = "composition"
    """Composition.identifier or Composition.id: some senders keep them from version to version."""
    REFERENCE = "reference"
    """SenderReference, the consultation."""


OF_ONE_VERSION: Final = frozenset({NameKind.PAYLOAD, NameKind.MESSAGE, NameKind.BUNDLE, NameKind.ENVELOPE})
"""The kinds of names that no other version may bear (ITK3: the id of a document is never used again)."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a received document."""

    kind: NameKind
    identifier: Identifier


def normal_form(text: str | None) -> str:
    """Return an identifier bare: no white space around it, no ``urn:uuid:`` or ``urn:oid:``, a UUID in small letters.

    Anything but a UUID keeps its letters as they are: FHIR's ids tell capitals from small ones.
    """
    bare = _PREFIX.sub("", (text or "").strip(), count=1)
    return bare.lower() if _UUID.fullmatch(bare) else bare


def identifier(value: str | None, system: str | None = None) -> Identifier | None:
    """Return an identifier in its normal form, None when nothing is left of it."""
    bare = normal_form(value)
    return Identifier(bare, (system or "").strip() or None) if bare else None


def is_same(one: Identifier, other: Identifier) -> bool:
    """Say whether two identifiers name the same: one without a system goes with any, and a UUID is unique anyway."""
    systems_agree = one.system is None or other.system is None or one.system == other.system
    return one.value == other.value and (systems_agree or bool(_UUID.fullmatch(one.value)))


def names_of(envelope: Envelope) -> tuple[Name, ...]:
    """Return everything by which a later message may mean this one, the surest first, each value once."""
    payload = envelope.payload
    found: list[tuple[NameKind, Identifier | None]] = []
    if payload is not None:
        found += [
            (NameKind.PAYLOAD, _identifier(payload.element)),
            (NameKind.MESSAGE, identifier(envelope.message_id)),
            (NameKind.BUNDLE, identifier(payload.element.text("id"))),
            (NameKind.ENVELOPE, identifier(envelope.root.text("id"))),
        ]
        for composition in payload.of_type("Composition"):
            found += [
                (NameKind.COMPOSITION, _identifier(composition)),
                (NameKind.COMPOSITION, identifier(composition.text("id"))),
            ]
    found.append((NameKind.REFERENCE, identifier(envelope.sender_reference)))
    first: dict[str, Name] = {}
    for kind, named in found:
        if named is not None:
            first.setdefault(named.value, Name(kind, named))
    return tuple(first.values())


def _identifier(resource: Element) -> Identifier | None:
    return identifier(resource.text("identifier", "value"), resource.text("identifier", "system"))
