"""References inside a received bundle."""

from __future__ import annotations

import pytest

from shared.itk3.bundle import Bundle
from shared.itk3.element import Element

ONE, TWO = "urn:uuid:00000000-0000-4000-8000-00000000000a", "urn:uuid:00000000-0000-4000-8000-00000000000b"


def element(name: str, value: str | None = None, *children: Element) -> Element:
    made = Element(name, value)
    made.children.extend(children)
    return made


def entry(kind: str, identifier: str, full_url: str | None = None) -> Element:
    resource = element("resource", None, element(kind, None, element("id", identifier)))
    return element("entry", None, *([element("fullUrl", full_url)] if full_url else []), resource)


def bundle(*entries: Element) -> Bundle:
    return Bundle(element("Bundle", None, *entries))


@pytest.mark.parametrize(
    "reference",
    [ONE, ONE.upper().replace("URN:UUID", "urn:uuid"), f"Patient/{ONE[9:]}", f"https://example.org/Patient/{ONE[9:]}"],
)
def test_a_reference_resolves_by_full_url_or_by_type_and_id(reference: str) -> None:
    patient = bundle(entry("Patient", ONE[9:], ONE), entry("Task", TWO[9:], TWO)).resolve(reference, "Patient")

    assert patient is not None
    assert patient.name == "Patient"


@pytest.mark.parametrize("identifier", [ONE[9:], ONE])
def test_without_full_urls_a_reference_resolves_by_the_resource_s_id(identifier: str) -> None:
    assert bundle(entry("Patient", identifier)).resolve(ONE, "Patient") is not None


@pytest.mark.parametrize("reference", [None, "", " ", TWO, f"Patient/{TWO[9:]}", "Patient/", "#x", "Patient"])
def test_a_reference_to_nothing_does_not_resolve(reference: str | None) -> None:
    assert bundle(entry("Patient", ONE[9:], ONE)).resolve(reference, "Patient") is None


def test_a_reference_to_another_type_does_not_resolve() -> None:
    assert bundle(entry("Practitioner", ONE[9:], ONE)).resolve(ONE, "Patient") is None


def test_a_reference_to_two_resources_is_not_guessed_at() -> None:
    ambiguous = bundle(entry("Patient", ONE[9:]), entry("Patient", ONE[9:]))

    assert ambiguous.resolve(ONE, "Patient") is None
    assert ambiguous.resolve(f"Patient/{ONE[9:]}", "Patient") is None


def test_an_entry_without_a_single_resource_has_none() -> None:
    odd = bundle(element("entry"), element("entry", None, element("resource")))

    assert [each.resource for each in odd.entries] == [None, None]
    assert odd.resources == ()
    assert odd.resolve(ONE, "Patient") is None


def test_full_urls_are_compared_without_regard_to_case() -> None:
    assert not bundle(entry("Patient", "a", ONE), entry("Task", "b", ONE.upper())).full_urls_differ()
    assert bundle(entry("Patient", "a"), entry("Task", "b")).full_urls_differ()


def test_an_element_never_shows_its_value() -> None:
    assert repr(element("family", "Smith")) == "<element>"
