"""Reading what arrives: every legal spelling of XML, and nothing hostile."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from shared.errors import InvalidMessage
from shared.itk3.build import build_response, report_ids
from shared.itk3.parse import MAX_DEPTH, MAX_ELEMENTS, parse, read, salvage
from shared.itk3.rules import judge
from tests.shared.itk3.examples import CONTEXT, GOOD, LIMIT, MESSAGE, RESPONSE, Draft, judged

DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>\n"
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
HOSTILE = [
    pytest.param(b"<!DOCTYPE Bundle><Bundle/>", id="a declaration"),
    pytest.param(b'<!DOCTYPE Bundle SYSTEM "file:///etc/passwd"><Bundle/>', id="an external declaration"),
    pytest.param(
        f'<!DOCTYPE Bundle [<!ENTITY e0 "ha">{ENTITIES}]><Bundle value="&e11;"/>'.encode(), id="an entity bomb"
    ),
    pytest.param(
        b'<!DOCTYPE Bundle [<!ENTITY x SYSTEM "file:///etc/passwd">]><Bundle>&x;</Bundle>', id="an external entity"
    ),
    pytest.param('<!DOCTYPE Bundle [<!ENTITY x "y">]><Bundle/>'.encode("utf-16"), id="a declaration in UTF-16"),
    pytest.param(b"<Bundle>" * 2_500_000, id="20 MB of nesting"),
    pytest.param(b"<Bundle>" + b"<a/>" * (MAX_ELEMENTS + 1) + b"</Bundle>", id="too many elements"),
    pytest.param(b'<Bundle value="&undefined;"/>', id="an unknown entity"),
    pytest.param(b"<Bundle>", id="cut off"),
    pytest.param(GOOD[:-200], id="a message cut off"),
    pytest.param(b"hello", id="text"),
    pytest.param(b"\x00" * 100, id="NUL bytes"),
    pytest.param(GOOD.replace(b"Smith", b"Sm\x00th"), id="a NUL inside"),
    pytest.param(GOOD.replace(b"Smith", b"Sm\xffth"), id="bytes that are not UTF-8"),
    pytest.param(GOOD.replace(b"'UTF-8'", b"'no-such'"), id="an unknown encoding"),
    pytest.param(GOOD + b"<more/>", id="more after the end"),
    pytest.param(b'{"resourceType": "Bundle"', id="JSON cut off"),
    pytest.param(b"%PDF-1.7", id="a PDF"),
    pytest.param(b"", id="empty"),
    pytest.param(b"\xef\xbb\xbf", id="a byte order mark alone"),
]


def prefixed(body: bytes) -> bytes:
    text = body.decode()
    text = text.replace("xmlns=", "xmlns:f=")
    return re.sub(r"<(/?)([A-Za-z])", r"<\1f:\2", text).encode()


def commented(body: bytes) -> bytes:
    return body.replace(b"<value ", b"<!-- a comment --><?pi x?><value ").replace(b"</name>", b"<!--x-->\n</name>")


def reordered(body: bytes) -> bytes:
    root = etree.fromstring(body)
    for element in list(root.iter()):
        if etree.QName(element).localname not in ("Bundle", "resource"):
            element[:] = list(reversed(element))
    return etree.tostring(root)


def with_type_and_id_references(body: bytes) -> bytes:
    draft = Draft(body)
    kinds = {each.find("{*}id").get("value"): etree.QName(each).localname for each in draft.find("//f:resource/*")}
    for reference in draft.find("//f:reference[starts-with(@value, 'urn:uuid:')]"):
        identifier = reference.get("value")[9:]
        reference.set("value", f"{kinds[identifier]}/{identifier}")
    return draft.body


LEGAL = [
    pytest.param(GOOD, id="as it is built"),
    pytest.param(b"\xef\xbb\xbf" + GOOD, id="a byte order mark"),
    pytest.param(GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16"), id="UTF-16"),
    pytest.param(GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16-be"), id="UTF-16 without a mark"),
    pytest.param(GOOD.replace(b"UTF-8", b"ISO-8859-1"), id="Latin 1"),
    pytest.param(GOOD.removeprefix(DECLARATION), id="no declaration"),
    pytest.param(prefixed(GOOD), id="prefixes"),
    pytest.param(commented(GOOD), id="comments and processing instructions"),
    pytest.param(etree.tostring(etree.fromstring(GOOD), pretty_print=True), id="indented"),
    pytest.param(with_type_and_id_references(GOOD), id="Type/id references"),
    pytest.param(reordered(GOOD), id="another order of elements"),
]


@pytest.mark.parametrize("body", LEGAL)
def test_every_legal_spelling_of_a_good_message_is_accepted(body: bytes) -> None:
    verdict = judged(body)

    assert verdict.failures == ()


@pytest.mark.parametrize("body", HOSTILE)
def test_a_hostile_or_broken_body_is_refused_without_being_quoted(body: bytes) -> None:
    with pytest.raises(InvalidMessage) as caught:
        parse(body, LIMIT)

    assert judged(body).code == "10009"
    assert not re.search(r"Smith|9690937|undefined|passwd|no-such", str(caught.value))


@pytest.mark.parametrize(
    "body",
    [
        b"<html/>",
        b"<Bundle/>",
        b'<Bundle xmlns="urn:other"/>',
        b'<Patient xmlns="http://hl7.org/fhir"/>',
        GOOD.replace(b"http://hl7.org/fhir", b"http://hl7.org/fhir/4"),
        GOOD.replace(b"<Bundle xmlns", b"<Parcel xmlns").replace(b"</Bundle>\n", b"</Parcel>")[:0]
        + b"<a><Bundle/></a>",
    ],
)
def test_xml_that_is_no_fhir_bundle_is_20006(body: bytes) -> None:
    assert judged(body).code == "20006"


def test_escaped_characters_are_read_as_what_they_stand_for() -> None:
    written = GOOD.replace(b'value="Smith"', b'value="a&amp;b&lt;c&gt;d&quot;e&apos;f&#233;g&amp;#38;h&#10;i"')

    payload = parse(written, LIMIT).payload

    assert payload is not None
    assert payload.of_type("Patient")[0].text("name", "family") == "a&b<c>d\"e'fég&#38;h\ni"


def test_depth_is_capped_and_an_honest_depth_is_not() -> None:
    deep = b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH

    assert read(deep, LIMIT).fault is None
    assert read(b"<a>" + deep + b"</a>", LIMIT).fault is not None


def test_a_message_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    assert read(GOOD, len(GOOD)).envelope is not None
    assert read(GOOD, len(GOOD) - 1).too_large


def test_a_truncated_message_is_too_large_and_its_ids_are_salvaged() -> None:
    reading = read(GOOD[:5000], LIMIT, truncated=True)

    assert reading.envelope is None
    assert reading.too_large
    assert (reading.message_id, reading.sender_reference) == (
        report_ids(MESSAGE).message_header,
        MESSAGE.consultation_id,
    )
    assert judge(reading, CONTEXT).code == "20015"


def test_the_ids_of_a_broken_message_are_salvaged_as_far_as_they_stand() -> None:
    assert salvage(GOOD[:-200]) == (report_ids(MESSAGE).message_header, MESSAGE.consultation_id)
    assert salvage(GOOD[: GOOD.index(b"SenderReference")])[1] is None
    assert salvage(b"hello") == (None, None)
    assert salvage(b"") == (None, None)


def test_nothing_is_salvaged_from_a_message_with_a_declaration() -> None:
    assert salvage(b"<!DOCTYPE Bundle>" + GOOD.removeprefix(DECLARATION)) == (None, None)


@pytest.mark.parametrize("cut", [None, -100])
def test_a_response_is_known_as_one_even_when_it_is_broken(cut: int | None) -> None:
    assert read(build_response(RESPONSE)[:cut], LIMIT).is_response
    assert not read(GOOD[:cut], LIMIT).is_response


def test_parse_returns_the_envelope_of_a_good_message() -> None:
    assert parse(GOOD, LIMIT).message_id == report_ids(MESSAGE).message_header
