"""A read-only view on a received Bundle: its resources, and what references in it point to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from shared.itk3.element import Element

_URN: Final = "urn:uuid:"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``resource`` is None when the entry is empty."""

    full_url: str | None = field(repr=False)
    resource: Element | None


class Bundle:
    """A Bundle and the index of its entries. References resolve inside one bundle only."""

    def __init__(self, element: Element) -> None:
        self.element = element
        self.entries = tuple(_entry(entry) for entry in element.all("entry"))
        self.resources = tuple(entry.resource for entry in self.entries if entry.resource is not None)
        # indexed, because a hostile message may have thousands of references to thousands of entries
        self._by_full_url: defaultdict[str, list[Element]] = defaultdict(list)
        self._by_id: defaultdict[str, list[Element]] = defaultdict(list)
        for entry in self.entries:
            if entry.resource is not None:
                self._by_full_url[(entry.full_url or "").lower()].append(entry.resource)
                self._by_id[_bare(entry.resource.text("id"))].append(entry.resource)

    @property
    def kind(self) -> str | None:
        """``Bundle.type``."""
        return self.element.text("type")

    @property
    def identifier(self) -> str | None:
        """``Bundle.identifier.value``, if there is exactly one."""
        element = self.element.one("identifier", "value")
        return element.value if element is not None and element.value and element.value.strip() else None

    def of_type(self, name: str) -> list[Element]:
        """Return the resources of one type."""
        return [resource for resource in self.resources if resource.name == name]

    def full_urls_differ(self) -> bool:
        """Say whether every fullUrl is there once (FHIR bdl-7)."""
        urls = [entry.full_url.lower() for entry in self.entries if entry.full_url]
        return len(urls) == len(set(urls))

    def resolve(self, reference: str | None, *types: str) -> Element | None:
        """Return the resource of one of ``types`` that ``reference`` names.

        Decision 10: ``urn:uuid:`` by fullUrl, else by the resource's id, and ``Type/id``. None when nothing
        fits, or when more than one does: a guess could file the wrong patient's data.
        """
        wanted = (reference or "").strip()
        if not wanted:
            return None
        found = self._by_full_url.get(wanted.lower()) or self._named_by(wanted)
        fitting = [resource for resource in found if resource.name in types]
        return fitting[0] if len(fitting) == len(found) == 1 else None

    def follow(self, element: Element | None, *path_and_type: str) -> Element | None:
        """Resolve the single reference at a path below ``element``; the last argument is the type."""
        *path, kind = path_and_type
        reference = element.one(*path, "reference") if element is not None else None
        return None if reference is None else self.resolve(reference.value, kind)

    def _named_by(self, wanted: str) -> list[Element]:
        if wanted.lower().startswith(_URN):
            return self._by_id.get(_bare(wanted), [])
        kind, _, identifier = wanted.rpartition("/")
        return [each for each in self._by_id.get(_bare(identifier), []) if each.name == kind.rpartition("/")[2]]


def _bare(identifier: str | None) -> str:
    # the published 1.2.x example writes a resource's id as urn:uuid:
    return (identifier or "").lower().removeprefix(_URN)


def _entry(element: Element) -> Entry:
    holder = element.first("resource")
    resource = holder.children[0] if holder is not None and len(holder.children) == 1 else None
    return Entry(element.text("fullUrl"), resource)
