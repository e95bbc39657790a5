"""Reads FHIR JSON, hostile text included, into the same elements that FHIR XML is read into."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

from shared.errors import Fault, InvalidMessage
from shared.itk3.element import MAX_DEPTH, MAX_ELEMENTS, Element

_SNIFFED: Final = 4_096
_SALVAGED_CHARACTERS: Final = 1_000_000
# counted before anything is built: a megabyte of "[]," would otherwise take fifty of memory
_MOST_SIGNS: Final = 4 * MAX_ELEMENTS
_WHOLE: Final = "message"
_EXTENSIONS: Final = frozenset({"extension", "modifierExtension"})
# XML cannot carry these, and a database may refuse them
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\],]', re.DOTALL)
_CLOSER: Final = {"{": "}", "[": "]"}


def is_json(body: bytes) -> bool:
    """Say whether ``body`` begins as a JSON object, in any encoding that JSON may have."""
    start = body[:_SNIFFED]
    return _decode(start, errors="ignore").lstrip("\ufeff \t\r\n").startswith("{")


def read_json(body: bytes) -> tuple[Element | None, Fault | None]:
    """Return the resource in ``body`` as far as it can be read, and what ended the reading early.

    Of a text that breaks off, what stands before the last comma of its first million characters is still read.
    """
    try:
        text = _decode(body).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return _salvage(_decode(body[: error.start])), Fault(_WHOLE, "is not text in a Unicode encoding")
    try:
        return _resource(_load(text)), None
    except json.JSONDecodeError as error:
        return _salvage(text[: error.pos]), Fault(f"{_WHOLE} line {error.lineno}", "is not well-formed JSON")
    except InvalidMessage as refused:
        return None, refused.fault


def _decode(body: bytes, errors: str = "strict") -> str:
    return body.decode(json.detect_encoding(body), errors)


def _salvage(text: str) -> Element | None:
    """Return what stood before the text broke off, every open object and array closed after its last whole value."""
    open_signs: list[str] = []
    whole = (0, "")
    text = text[:_SALVAGED_CHARACTERS]
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in _CLOSER:
            open_signs.append(_CLOSER[sign])
        elif sign in ("}", "]") and open_signs:
            open_signs.pop()
        elif sign == "," and len(open_signs) <= MAX_DEPTH:
            whole = (token.start(), "".join(reversed(open_signs)))
    try:
        return _resource(_load(text[: whole[0]] + whole[1]))
    except (json.JSONDecodeError, InvalidMessage):
        return None


def _load(text: str) -> dict[str, Any]:
    if sum(text.count(sign) for sign in "[{,") > _MOST_SIGNS:
        raise _refused(f"has more than {_MOST_SIGNS} values")
    try:
        # numbers stay as they were written: nothing is computed with them, so their size does not matter
        content: dict[str, Any] = json.loads(
            text, object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_constant
        )
    except RecursionError:
        raise _refused(f"is nested deeper than {MAX_DEPTH} elements") from None
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        # two readers of one text could otherwise see two patients
        raise _refused("has a key twice in one object")
    return content


def _constant(_name: str) -> Any:
    raise _refused("has a number that JSON does not know")


def _refused(rule: str) -> InvalidMessage:
    return InvalidMessage(Fault(_WHOLE, rule))


def _resource(content: dict[str, Any]) -> Element:
    if "resourceType" not in content:
        raise _refused("is JSON without a resourceType")
    return _Builder().resource(content, 0)


class _Builder:
    """Turns objects into elements and refuses what no honest message has."""

    def __init__(self) -> None:
        self._count = 0

    def resource(self, content: dict[str, Any], depth: int) -> Element:
        """Return the element that FHIR XML names by the type of the resource."""
        element = self._element(_text(content["resourceType"]) or "{}", depth)
        self._fill(element, {name: value for name, value in content.items() if name != "resourceType"}, depth)
        return element

    def _fill(self, element: Element, content: dict[str, Any], depth: int) -> None:
        names = dict.fromkeys(name.removeprefix("_") for name in content)
        for name in names:
            for value, more in _occurrences(content.get(name), content.get(f"_{name}")):
                element.children.append(self._child(name, value, more, depth + 1))

    def _child(self, name: str, value: Any, more: Any, depth: int) -> Element:
        if isinstance(value, list):
            raise _refused("has an array within an array")
        if not isinstance(value, dict):
            element = self._element(name, depth)
            element.value = _text(value)
            self._fill_element(element, more if isinstance(more, dict) else {}, depth)
            return element
        element = self._element(name, depth)
        if "resourceType" in value:
            element.children.append(self.resource(value, depth + 1))
        else:
            self._fill_element(element, value, depth)
        return element

    def _fill_element(self, element: Element, content: dict[str, Any], depth: int) -> None:
        """Fill an element that is no resource: its ``id``, and an extension's ``url``, are attributes in XML."""
        attributes = {"id", "url"} if element.name in _EXTENSIONS else {"id"}
        if "url" in attributes:
            element.url = _text(content.get("url"))
        self._fill(element, {name: value for name, value in content.items() if name not in attributes}, depth)

    def _element(self, name: str, depth: int) -> Element:
        self._count += 1
        if depth >= MAX_DEPTH:
            raise _refused(f"is nested deeper than {MAX_DEPTH} elements")
        if self._count > MAX_ELEMENTS:
            raise _refused(f"has more than {MAX_ELEMENTS} elements")
        return Element(name)


def _occurrences(values: Any, more: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each occurrence of a name with what ``_name`` says of it: FHIR's way to extend a primitive value."""
    pairs = zip_longest(
        values if isinstance(values, list) else [values],
        more if isinstance(more, list) else [more],
    )
    return ((value, extra) for value, extra in pairs if value is not None or extra is not None)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return None
    if _FORBIDDEN.search(value):
        raise _refused("has a character that XML could not carry")
    return str(value)
