"""Plain dictionaries become FHIR XML."""

from __future__ import annotations

import pytest

from shared.itk3.fhir_xml import write

NAMESPACE = b"<?xml version='1.0' encoding='UTF-8'?>\n<Basic xmlns=\"http://hl7.org/fhir\">"


@pytest.mark.parametrize(
    ("content", "xml"),
    [
        ({"id": "1"}, b'<id value="1"/>'),
        ({"flag": True, "other": False}, b'<flag value="true"/><other value="false"/>'),
        ({"data": b"%PDF-"}, b'<data value="JVBERi0="/>'),
        ({"given": ["A", "B"]}, b'<given value="A"/><given value="B"/>'),
        ({"code": {"text": "x"}}, b'<code><text value="x"/></code>'),
        (
            {"extension": [{"url": "u", "valueString": "x"}]},
            b'<extension url="u"><valueString value="x"/></extension>',
        ),
        ({"attachment": {"url": "u"}}, b'<attachment><url value="u"/></attachment>'),
        (
            {"resource": {"resourceType": "Task", "id": "1"}},
            b'<resource><Task><id value="1"/></Task></resource>',
        ),
        ({"text": 'a<&">\n\tb'}, b'<text value="a&lt;&amp;&quot;&gt;&#10;&#9;b"/>'),
    ],
)
def test_each_kind_of_value_has_its_form(content: dict[str, object], xml: bytes) -> None:
    assert write({"resourceType": "Basic"} | content) == NAMESPACE + xml + b"</Basic>"


@pytest.mark.parametrize("text", ["", "a\x00", "\x1f", "\ud800", "\uffff"])
def test_what_xml_cannot_carry_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a text of the message is empty or holds characters") as caught:
        write({"resourceType": "Basic", "id": text})

    assert caught.value.__cause__ is None
