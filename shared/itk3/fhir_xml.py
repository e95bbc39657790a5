"""Writes a resource, given as plain dictionaries in FHIR order, as FHIR XML.

The dictionaries have the shape of FHIR JSON with two additions: ``bytes`` stand for base64 content, and an
``Xhtml`` for the text of a narrative.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from lxml import etree

from shared.itk3.systems import FHIR_NAMESPACE

Resource = dict[str, Any]
"""A resource or element: keys in FHIR order; no key without a value."""

_XHTML: Final = "http://www.w3.org/1999/xhtml"
_EXTENSIONS: Final = frozenset({"extension", "modifierExtension"})


@dataclass(frozen=True, slots=True)
class Xhtml:
    """The content of a narrative: plain text, which becomes one paragraph."""

    text: str = field(repr=False)


def write(resource: Resource) -> bytes:
    """Return ``resource`` as UTF-8 XML without a byte order mark; the same value gives the same bytes.

    Raises ValueError, without the text, when a text cannot be carried by XML 1.0 or is empty.
    """
    namespaces = cast("dict[str, str]", {None: FHIR_NAMESPACE})  # the stubs do not know a default namespace
    root = etree.Element(_tag(resource["resourceType"]), nsmap=namespaces)
    try:
        _fill(root, resource)
    except ValueError:
        raise ValueError("a text of the message is empty or holds characters that XML cannot carry") from None
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _fill(parent: etree._Element, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        if name == "resourceType":
            continue
        if name == "url" and etree.QName(parent).localname in _EXTENSIONS:
            parent.set("url", value)  # FHIR XML writes this one as an attribute
            continue
        for item in _items(value):
            if isinstance(item, Xhtml):
                _narrate(parent, name, item)
                continue
            child = etree.SubElement(parent, _tag(name))
            if isinstance(item, Mapping) and "resourceType" in item:
                child = etree.SubElement(child, _tag(item["resourceType"]))
            if isinstance(item, Mapping):
                _fill(child, item)
            else:
                child.set("value", _text(item))


def _narrate(parent: etree._Element, name: str, narrative: Xhtml) -> None:
    namespaces = cast("dict[str, str]", {None: _XHTML})  # as above
    block = etree.SubElement(parent, f"{{{_XHTML}}}{name}", nsmap=namespaces)
    etree.SubElement(block, f"{{{_XHTML}}}p").text = _text(narrative.text)


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else (value,)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)
    if not text:
        raise ValueError("empty")
    return text


def _tag(name: str) -> str:
    return f"{{{FHIR_NAMESPACE}}}{name}"
