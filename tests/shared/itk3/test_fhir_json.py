"""FHIR JSON is read into the elements that FHIR XML gives, and nothing hostile in it gets further."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fhir.resources.STU3.bundle import Bundle

from shared.itk3.build import report_ids
from shared.itk3.element import MAX_DEPTH, MAX_ELEMENTS, Element
from shared.itk3.fhir_json import is_json, read_json
from shared.itk3.parse import read
from shared.itk3.rules import judge, read_report
from tests.shared.itk3.examples import CONTEXT, GOOD, LIMIT, MESSAGE, judged

# the library writes Z for +00:00
GOOD_JSON = re.sub(rb':(\d\d)Z"', rb':\1+00:00"', Bundle.model_validate_xml(GOOD).model_dump_json().encode())


def tree(content: Any) -> Element:
    root, fault = read_json(json.dumps(content).encode())
    assert fault is None
    assert root is not None
    return root


def shape(element: Element) -> Any:
    """Return an element as nested tuples, its children in an order that does not depend on the format."""
    return element.name, element.value, element.url, sorted(map(shape, element.children), key=repr)


def nested(levels: int) -> bytes:
    return b'{"resourceType": "Bundle", "a": ' + b'{"b": ' * levels + b'"c"' + b"}" * (levels + 1)


LEGAL = [
    pytest.param(GOOD_JSON, id="as a library writes it"),
    pytest.param(json.dumps(json.loads(GOOD_JSON), indent=4).encode(), id="indented"),
    pytest.param(b"\n " + GOOD_JSON, id="white space in front"),
    pytest.param(b"\xef\xbb\xbf" + GOOD_JSON, id="a byte order mark"),
    pytest.param(GOOD_JSON.decode().encode("utf-16"), id="UTF-16"),
    pytest.param(GOOD_JSON.decode().encode("utf-16-be"), id="UTF-16 without a mark"),
    pytest.param(GOOD_JSON.decode().encode("utf-32"), id="UTF-32"),
    pytest.param(json.dumps(json.loads(GOOD_JSON), sort_keys=True).encode(), id="another order of keys"),
]
HOSTILE = [
    pytest.param(b'{"resourceType": "Bundle", "type": "message", "type": "message"}', id="a key twice"),
    pytest.param(GOOD_JSON.replace(b'"gender"', b'"birthDate":"2000-01-01","gender"'), id="two birth dates"),
    pytest.param(b'{"resourceType": "Bundle", "total": NaN}', id="not a number"),
    pytest.param(b'{"a": ' * 2_000_000, id="14 MB of nesting"),
    pytest.param(b'{"resourceType": "Bundle", "a": ' + b"[" * 100_000, id="nested arrays without end"),
    pytest.param(b'{"resourceType": "Bundle", "a": [[1]]}', id="an array within an array"),
    pytest.param(nested(MAX_DEPTH), id="nested too deep"),
    pytest.param(b'{"resourceType": "Bundle", "a": [' + b"1," * MAX_ELEMENTS + b"1]}", id="too many elements"),
    pytest.param(b'{"resourceType": "Bundle", "a": [' + b"[]," * 1_000_000 + b"1]}", id="too many values"),
    pytest.param(b'{"resourceType": "Bundle", "id": "a\\u0000b"}', id="a NUL"),
    pytest.param(b'{"resourceType": "Bundle", "id": "a\\ud800b"}', id="half a character"),
    pytest.param(b'{"resourceType": "Bundle", "id": "a\nb"}', id="a bare line end in a text"),
    pytest.param(b'{"resourceType": "Bundle"} {}', id="more after the end"),
    pytest.param(b'{"type": "message"}', id="no resourceType"),
    pytest.param(b"{}", id="an empty object"),
    pytest.param(b'{"resourceType": "Bundle", "id": "\xff"}', id="bytes that are not UTF-8"),
    pytest.param(GOOD_JSON[:-20], id="a message cut off"),
]


@pytest.mark.parametrize("body", LEGAL)
def test_a_json_body_is_accepted_and_says_what_the_xml_says(body: bytes) -> None:
    reading, original = read(body, LIMIT), read(GOOD, LIMIT)

    assert judge(reading, CONTEXT).failures == ()
    assert reading.envelope is not None
    assert original.envelope is not None
    assert read_report(reading.envelope) == read_report(original.envelope)
    assert shape(reading.envelope.root) == shape(original.envelope.root)


@pytest.mark.parametrize("body", HOSTILE)
def test_a_hostile_or_broken_json_body_is_10009_and_not_quoted(body: bytes) -> None:
    verdict = judged(body)

    assert verdict.code == "10009"
    assert not re.search(r"Smith|9690937|birthDate", verdict.diagnostics)


def test_a_primitive_may_be_extended_beside_its_value() -> None:
    root = tree({"resourceType": "Patient", "birthDate": "1957-01-09", "_birthDate": {"extension": [{"url": "u"}]}})

    (birth_date,) = root.all("birthDate")
    assert (birth_date.value, [each.url for each in birth_date.extensions("u")]) == ("1957-01-09", ["u"])


def test_a_primitive_may_have_an_extension_in_place_of_a_value() -> None:
    name = {"given": ["Ann", None], "_given": [None, {"id": "x", "extension": [{"url": "u"}]}]}

    given = tree({"resourceType": "Patient", "name": [name]}).all("name", "given")

    assert [(each.value, len(each.children)) for each in given] == [("Ann", 0), (None, 1)]


def test_a_url_is_an_attribute_of_extensions_only_and_an_elements_id_is_dropped() -> None:
    root = tree({"resourceType": "X", "id": "1", "extension": [{"id": "2", "url": "u"}], "attachment": {"url": "v"}})

    assert [(each.name, each.url) for each in root.children] == [("id", None), ("extension", "u"), ("attachment", None)]
    assert root.text("attachment", "url") == "v"
    assert root.all("extension", "id") == []


def test_a_number_of_any_size_is_read_as_it_was_written() -> None:
    body = b'{"resourceType": "X", "a": 1.50, "b": ' + b"9" * 10_000 + b', "c": true, "d": null}'

    root, fault = read_json(body)

    assert (fault, root is None) == (None, False)
    assert root is not None
    assert [(each.name, len(each.value or "")) for each in root.children] == [("a", 4), ("b", 10_000), ("c", 4)]


def test_a_large_json_message_is_20015_and_its_ids_are_salvaged() -> None:
    cut = GOOD_JSON[: GOOD_JSON.index(b'"Task"')]

    reading = read(cut, LIMIT, truncated=True)

    assert judge(reading, CONTEXT).code == "20015"
    assert (reading.message_id, reading.sender_reference) == (
        report_ids(MESSAGE).message_header,
        MESSAGE.consultation_id,
    )


@pytest.mark.parametrize("end", [b'"abc\\', b'"a, b', b'{"x": [1, {"y"', b"\xff", b"nul"])
def test_the_ids_of_a_broken_json_message_are_salvaged_as_far_as_they_stand(end: bytes) -> None:
    start = GOOD_JSON[: GOOD_JSON.index(b'"Task"')]

    reading = read(start + end, LIMIT)

    assert reading.envelope is None
    assert reading.message_id == report_ids(MESSAGE).message_header


def test_nothing_is_salvaged_from_what_says_nothing_yet() -> None:
    assert read_json(b'{"resource') == (None, read_json(b'{"resource')[1])
    assert read_json(b'{"resourceType": "Bundle", "a": [[1],')[0] is None


def test_json_is_told_by_its_first_sign() -> None:
    assert is_json(b' {"')
    assert not is_json(GOOD)
    assert not is_json("<a/>".encode("utf-16-be"))
    assert not is_json(b"")
