"""Mutations that know what a message is made of: XML elements and attributes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

from lxml import etree

from tests.fuzz import values
from tests.fuzz.specimens import CANARY

FHIR = "http://hl7.org/fhir"
Mutate = Callable[[Random, Any], None]

_NAMES = ("id", "value", "Patient", "Bundle", "MessageHeader", "extension", "resource", "div", "contained", CANARY)
_NAMESPACES = (FHIR, "", "http://www.w3.org/1999/xhtml", "urn:other", f"urn:{CANARY}")
_NARRATIVE = (
    '<text xmlns="http://hl7.org/fhir"><status value="generated"/>'
    f'<div xmlns="http://www.w3.org/1999/xhtml"><script>{CANARY}</script><p>{CANARY}</p></div></text>'
)


def _any(rng: Random, root: Any) -> Any:
    """Return an element below the root."""
    return rng.choice(list(root.iterdescendants("*")) or [root])


def _valued(rng: Random, root: Any) -> Any:
    """Return an element with a value, if there is one."""
    return rng.choice(root.xpath("//*[@value]") or [root])


def _some(rng: Random, root: Any, name: str) -> Any:
    """Return an element of a name, any other when there is none."""
    found = root.findall(f".//{{{FHIR}}}{name}")
    return rng.choice(found) if found else _any(rng, root)


def delete(rng: Random, root: Any) -> None:
    element = _any(rng, root)
    if element is not root:
        element.getparent().remove(element)


def duplicate(rng: Random, root: Any) -> None:
    element = _any(rng, root)
    if element is not root:
        for _ in range(rng.choice((1, 1, 1, 2, 30))):
            element.addnext(deepcopy(element))


def swap_values(rng: Random, root: Any) -> None:
    one, other = _valued(rng, root), _valued(rng, root)
    first, second = one.get("value", ""), other.get("value", "")
    one.set("value", second)
    other.set("value", first)


def move(rng: Random, root: Any) -> None:
    element, place = _any(rng, root), _any(rng, root)
    if element is not root and element not in place.iterancestors() and place is not element:
        place.insert(rng.randint(0, len(place)), element)


def shuffle(rng: Random, root: Any) -> None:
    parent = rng.choice([each for each in root.iter("*") if len(each) > 1] or [root])
    children = list(parent)
    rng.shuffle(children)
    parent[:] = children


def change_value(rng: Random, root: Any) -> None:
    _valued(rng, root).set("value", values.odd(rng))


def change_reference(rng: Random, root: Any) -> None:
    """Let a reference lead somewhere else, to itself or in a circle."""
    targets = root.xpath("//@value[starts-with(., 'urn:uuid:')]")
    _some(rng, root, "reference").set("value", str(rng.choice(targets or ["#"])))


def drop_value(rng: Random, root: Any) -> None:
    _valued(rng, root).attrib.pop("value", None)


def retype(rng: Random, root: Any) -> None:
    """Give an element another name, another namespace, or both."""
    element = _any(rng, root)
    others = [etree.QName(each).localname for each in root.iter("*")]
    name = rng.choice(_NAMES + (rng.choice(others),) * len(_NAMES))
    namespace = rng.choice(_NAMESPACES + (FHIR,) * len(_NAMESPACES))
    element.tag = f"{{{namespace}}}{name}" if namespace else name


def add_attribute(rng: Random, root: Any) -> None:
    name = rng.choice(("url", "id", "value", CANARY, f"{{urn:{CANARY}}}x", "{http://www.w3.org/XML/1998/namespace}id"))
    _any(rng, root).set(name, rng.choice((CANARY, "x", values.odd(rng))))


def add_text(rng: Random, root: Any) -> None:
    element, content = _any(rng, root), rng.choice((CANARY, " ", values.odd(rng)))
    if rng.random() < 0.5:
        element.text = content
    else:
        element.tail = content


def add_comment(rng: Random, root: Any) -> None:
    node = rng.choice((etree.Comment(f" {CANARY} "), etree.ProcessingInstruction("xml-stylesheet", CANARY)))
    _any(rng, root).insert(0, node)


def add_narrative(rng: Random, root: Any) -> None:
    resource = rng.choice(root.findall(f".//{{{FHIR}}}resource/*") or [root])
    resource.append(etree.fromstring(_NARRATIVE))


def add_extension(rng: Random, root: Any) -> None:
    kind = rng.choice(("extension", "modifierExtension"))
    extension = etree.SubElement(_any(rng, root), f"{{{FHIR}}}{kind}", url=rng.choice((CANARY, "", "urn:x")))
    value = rng.choice(("valueString", "valueBoolean", "valueReference", "valueCoding", CANARY))
    etree.SubElement(extension, f"{{{FHIR}}}{value}", value=values.odd(rng))


def nest(rng: Random, root: Any) -> None:
    """Put an element into many others, or into copies of its own parents."""
    element = _any(rng, root)
    for _ in range(rng.choice((1, 10, 40, 64, 300, 1_500))):
        element = etree.SubElement(element, element.tag, value=CANARY)


def crowd(rng: Random, root: Any) -> None:
    """Repeat a small element thousands of times."""
    element = _any(rng, root)
    if element is not root and len(list(element.iter())) < 5:
        element.getparent().extend(deepcopy(element) for _ in range(rng.choice((1_000, 3_000))))


def change_document(rng: Random, root: Any) -> None:
    _some(rng, root, "data").set("value", values.base64(rng))


def graft(rng: Random, root: Any) -> None:
    """Put a copy of one part of the message into another."""
    source, place = _any(rng, root), _any(rng, root)
    if len(list(source.iter())) < 200:
        place.append(deepcopy(source))


WEIGHTS: dict[Mutate, int] = {
    **dict.fromkeys((delete, duplicate, swap_values, change_value, retype), 10),
    **dict.fromkeys((drop_value, change_reference, change_document, move, graft), 6),
    **dict.fromkeys((shuffle, add_attribute, add_text, add_comment, add_narrative, add_extension), 4),
    **dict.fromkeys((nest, crowd), 1),
}
"""Every mutation, and how often it is chosen."""


def mutate(rng: Random, root: Any, times: int) -> list[str]:
    """Mutate a tree so many times; return the names of what was done."""
    done = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=times)
    for each in done:
        # lxml refuses what XML cannot carry: then this mutation is none
        try:
            each(rng, root)
        except ValueError:
            continue
    return [each.__name__ for each in done]
