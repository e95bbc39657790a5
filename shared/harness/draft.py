"""A message that was built, to be changed on purpose: what the product itself would never send."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, cast

from lxml import etree

from shared.itk3.systems import FHIR_NAMESPACE


class Draft:
    """A built message; XPath uses the prefix ``f``. Every method raises ValueError when nothing is at the path."""

    def __init__(self, body: bytes) -> None:
        # only for what we built ourselves: a report may have more text in one place than libxml2 takes unasked
        self.root = etree.fromstring(body, etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True))

    def find(self, xpath: str) -> list[Any]:
        """Return the elements at ``xpath``."""
        found = self.root.xpath(xpath, namespaces={"f": FHIR_NAMESPACE})
        if not isinstance(found, list) or not found:
            raise ValueError(f"nothing at {xpath}")
        return cast("list[Any]", found)

    def remove(self, xpath: str) -> None:
        """Take the elements out."""
        for element in self.find(xpath):
            element.getparent().remove(element)

    def set(self, xpath: str, value: str) -> None:
        """Give the elements another value."""
        for element in self.find(xpath):
            element.set("value", value)

    def repeat(self, xpath: str) -> None:
        """Put a copy of each element behind it."""
        for element in self.find(xpath):
            element.addnext(etree.fromstring(etree.tostring(element), etree.XMLParser(huge_tree=True)))

    def add(self, xpath: str, xml: str) -> None:
        """Append ``xml`` to the elements; its first tag is followed by a space, where the namespace goes."""
        for element in self.find(xpath):
            element.append(etree.fromstring(xml.replace(" ", f' xmlns="{FHIR_NAMESPACE}" ', 1)))

    def set_data(self, place: int, data: bytes) -> None:
        """Give the document at ``place``, from 0, other bytes."""
        self.find("//f:attachment/f:data")[place].set("value", b64encode(data).decode())

    @property
    def body(self) -> bytes:
        """The message as UTF-8 XML."""
        return etree.tostring(self.root, encoding="UTF-8", xml_declaration=True)
