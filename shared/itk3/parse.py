"""Reads the bytes of an ITK3 message, hostile ones included, into an ``Envelope``: XML here, JSON by ``fhir_json``.

XML has no document type declaration, so no entities; nothing is fetched; size, depth and number of elements are
capped while reading. Only FHIR's elements and their ``value`` and ``url`` are kept: encodings, prefixes,
comments, processing instructions and white space are the parser's affair (decision 10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from lxml import etree

from shared.errors import Fault, InvalidMessage
from shared.itk3.element import MAX_DEPTH, MAX_ELEMENTS, Element
from shared.itk3.envelope import Envelope
from shared.itk3.fhir_json import is_json, read_json
from shared.itk3.systems import FHIR_NAMESPACE

SALVAGED_BYTES: Final = 1_000_000
"""How much of a message that is too large is still read (decision 29)."""

_PIECE: Final = 65_536
# counted before anything is built: a million attributes of one element would take hundreds of megabytes
_MOST_ATTRIBUTES: Final = 4 * MAX_ELEMENTS
_WHOLE: Final = "message"


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be made of a body.

    ``envelope`` is None, and ``fault`` says why, when the message cannot be read; the ids are then those
    found before it broke off. ``too_large`` says that the size is the reason.
    """

    envelope: Envelope | None
    fault: Fault | None
    too_large: bool
    empty: bool
    message_id: str | None = field(repr=False)
    sender_reference: str | None = field(repr=False)
    payload_identifier: str | None = field(repr=False)
    is_response: bool


def parse(body: bytes, max_bytes: int) -> Envelope:
    """Return the message in ``body``, of at most ``max_bytes`` bytes. Raises InvalidMessage."""
    reading = read(body, max_bytes)
    if reading.envelope is None:
        raise InvalidMessage(reading.fault or Fault(_WHOLE, "cannot be read"))
    return reading.envelope


def read(body: bytes, max_bytes: int, *, truncated: bool = False) -> Reading:
    """Return what can be made of ``body``; never raises.

    ``truncated`` says that ``body`` is only the beginning of a message that is too large.
    """
    too_large = truncated or len(body) > max_bytes
    root, fault = _tree(body[:SALVAGED_BYTES] if too_large else body)
    if too_large:
        fault = Fault(_WHOLE, f"is larger than the {max_bytes} bytes taken here")
    partial = Envelope(root or Element("nothing"))
    return Reading(
        envelope=None if fault else partial,
        fault=fault,
        too_large=too_large,
        empty=not body.strip(),
        message_id=partial.message_id,
        sender_reference=partial.sender_reference,
        payload_identifier=partial.payload_identifier,
        is_response=partial.is_response,
    )


def salvage(body: bytes) -> tuple[str | None, str | None]:
    """Return MessageHeader.id and SenderReference as far as they stand in the first megabyte."""
    reading = read(body, SALVAGED_BYTES)
    return reading.message_id, reading.sender_reference


def read_partly(body: bytes) -> Envelope | None:
    """Return all that can be read of ``body`` before its first fault; None when that is nothing."""
    root, _ = _tree(body)
    return None if root is None else Envelope(root)


def _tree(body: bytes) -> tuple[Element | None, Fault | None]:
    """Return the tree as far as it could be read, and what ended the reading early."""
    if not body.strip():
        return None, Fault(_WHOLE, "is empty")
    if is_json(body):
        return read_json(body)
    if body.count(b"=") > _MOST_ATTRIBUTES:
        return None, Fault(_WHOLE, f"has more than {_MOST_ATTRIBUTES} attributes")
    target = _Target()
    parser = etree.XMLParser(
        target=cast("Any", target),  # the stubs ask for methods that a target may leave out
        huge_tree=True,
        # only XML's own five are left without a declaration; off, libxml2 hands "&amp;" on as "&#38;"
        resolve_entities="internal",  # type: ignore[arg-type]  # the stubs know two of its three values
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
    )
    try:
        for start in range(0, len(body), _PIECE):
            parser.feed(body[start : start + _PIECE])
        parser.close()
    except InvalidMessage as refused:
        return target.root, refused.fault
    except etree.XMLSyntaxError as error:
        # libxml2's own words quote the message
        return target.root, Fault(f"{_WHOLE} line {error.lineno or 1}", "is not well-formed XML")
    return target.root, None


class _Target:
    """Builds elements from the parser's events and refuses what no honest message has."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def doctype(self, _name: str, _public_id: str | None, _system_url: str | None) -> None:
        # raised before the parser reads the entities that the declaration may define
        raise InvalidMessage(Fault(_WHOLE, "must not have a document type declaration"))

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        element = Element(_local_name(tag), attributes.get("value"), attributes.get("url"))
        self._count += 1
        if len(self._open) >= MAX_DEPTH:
            raise InvalidMessage(Fault(_WHOLE, f"is nested deeper than {MAX_DEPTH} elements"))
        if self._count > MAX_ELEMENTS:
            raise InvalidMessage(Fault(_WHOLE, f"has more than {MAX_ELEMENTS} elements"))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _tag: str) -> None:
        self._open.pop()

    def close(self) -> None:
        pass


def _local_name(tag: str) -> str:
    """Return the bare name of a FHIR element; any other keeps its namespace, ``{}`` when it has none."""
    fhir = f"{{{FHIR_NAMESPACE}}}"
    if tag.startswith(fhir):
        return tag.removeprefix(fhir)
    return tag if tag.startswith("{") else f"{{}}{tag}"
