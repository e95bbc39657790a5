"""A FHIR element as it was received: name, ``value``, ``url`` and children, and nothing of XML or JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MAX_DEPTH: Final = 64
"""How deep a message may be nested. A report is 20 elements deep."""
MAX_ELEMENTS: Final = 50_000
"""How many elements a message may have. A report has some 200, and 20 more for each attachment."""


class Element:
    """One element. Elements that are not FHIR's (a narrative's XHTML) keep their full name."""

    __slots__ = ("children", "name", "url", "value")

    def __init__(self, name: str, value: str | None = None, url: str | None = None) -> None:
        self.name = name
        self.value = value
        self.url = url
        self.children: list[Element] = []

    def __repr__(self) -> str:
        return "<element>"  # neither name nor value: a stranger may have written a patient's there

    def all(self, *path: str) -> list[Element]:
        """Return every element at ``path`` below this one, in document order."""
        found: Iterable[Element] = (self,)
        for name in path:
            found = [child for parent in found for child in parent.children if child.name == name]
        return list(found)

    def first(self, *path: str) -> Element | None:
        """Return the first element at ``path``."""
        return next(iter(self.all(*path)), None)

    def one(self, *path: str) -> Element | None:
        """Return the element at ``path`` if there is exactly one."""
        found = self.all(*path)
        return found[0] if len(found) == 1 else None

    def value_at(self, *path: str) -> str | None:
        """Return the value at ``path`` as it came if there is exactly one element, blank or not."""
        element = self.one(*path)
        return None if element is None else element.value

    def text(self, *path: str) -> str | None:
        """Return the first value at ``path``; None when there is none or it is blank."""
        element = self.first(*path)
        value = None if element is None else element.value
        return value if value and value.strip() else None

    def extensions(self, *urls: str) -> list[Element]:
        """Return the extensions of this element with one of ``urls``."""
        return [extension for extension in self.all("extension") if extension.url in urls]
