"""Identifiers in one normal form: however they are written, they name the same document, and no other one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.itk3.model import Identifier
from shared.itk3.naming import NameKind, identifier, is_same, names_of, normal_form
from shared.itk3.parse import parse
from tests.shared.itk3.documents import draft
from tests.shared.itk3.examples import GOOD, LIMIT, MESSAGE

UUID = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e01"
OID = "2.16.840.1.113883.2.1.4"


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        (UUID, UUID),
        (UUID.upper(), UUID),
        (f"urn:uuid:{UUID.upper()}", UUID),
        (f"\t URN:UUID: {UUID}\n", UUID),
        (f"urn:oid:{OID}", OID),
        (" Local-7a ", "Local-7a"),
        ("urn:other:7", "urn:other:7"),
        ("urn:uuid:", ""),
        ("  ", ""),
        (None, ""),
    ],
)
def test_an_identifier_is_bare_and_only_a_uuid_loses_its_capitals(written: str | None, bare: str) -> None:
    assert normal_form(written) == bare
    assert identifier(written) == (Identifier(bare) if bare else None)


@settings(derandomize=True, database=None, deadline=None)
@given(st.text(max_size=60))
def test_the_normal_form_of_a_uuid_or_of_anything_else_is_stable(text: str) -> None:
    once = normal_form(text)

    assert once == once.strip()
    assert normal_form(f" {once} ") == normal_form(once)


def test_a_system_tells_identifiers_apart_unless_one_has_none_or_the_value_is_unique_by_itself() -> None:
    one, other, bare = Identifier("7", "http://a.example"), Identifier("7", "http://b.example"), Identifier("7")

    assert is_same(one, one)
    assert is_same(one, bare)
    assert is_same(bare, other)
    assert not is_same(one, other)
    assert not is_same(one, Identifier("8", "http://a.example"))
    assert is_same(Identifier(UUID, "http://a.example"), Identifier(UUID, "http://b.example"))
    assert "7" not in repr(one)


def test_a_document_is_called_by_everything_that_a_later_one_may_name() -> None:
    sent = draft()
    sent.set("//f:Composition/f:identifier/f:value", "urn:oid:1.2.3")
    sent.set("//f:Composition/f:identifier/f:system", " http://a.example ")

    names = names_of(parse(sent.body, LIMIT))

    assert [name.kind for name in names] == [
        *(NameKind.PAYLOAD, NameKind.MESSAGE, NameKind.BUNDLE, NameKind.ENVELOPE),
        *(NameKind.COMPOSITION, NameKind.COMPOSITION, NameKind.REFERENCE),
    ]
    assert names[4].identifier == Identifier("1.2.3", "http://a.example")
    assert names[-1].identifier == Identifier(MESSAGE.consultation_id)
    assert len({name.identifier.value for name in names}) == len(names)


def test_a_task_is_called_by_its_bundles_its_header_and_its_consultation() -> None:
    assert [name.kind for name in names_of(parse(GOOD, LIMIT))] == [
        *(NameKind.PAYLOAD, NameKind.MESSAGE, NameKind.BUNDLE, NameKind.ENVELOPE, NameKind.REFERENCE),
    ]
