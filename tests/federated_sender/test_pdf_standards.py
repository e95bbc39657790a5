from __future__ import annotations

import io
import re
from typing import Any

import pypdf
import pytest
from pypdf.generic import ContentStream

from federated_sender.layout import print_pdf
from tests.federated_sender.printed import blocks, objects, poppler
from tests.federated_sender.reports import LONG_NOTE, attachment, consultation, html, notes

# letters that join, stand above others or run from right to left, and a tab, which has no glyph
COMPLEX = (
    "\u05db\u05d0\u05d1 \u05d2\u05e8\u05d5\u05df 3 \u05d9\u05de\u05d9\u05dd",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
    "q\u0303 and n\u0308",
    "one\u200dword",
    "Pulse 92\tBP 128/76",
)


@pytest.fixture(scope="module")
def plain() -> bytes:
    return print_pdf(html(consultation(attachments=[attachment("ECG")]), version=3))


@pytest.fixture(scope="module")
def long() -> bytes:
    return print_pdf(html(consultation(notes=notes(*[LONG_NOTE] * 20))))


@pytest.mark.requirement("GPCM-SD-090", "GPCM-SD-091")
def test_the_structure_reads_every_label_followed_by_its_value_once(plain: bytes) -> None:
    assert blocks(plain) == [
        *("Consultation Report", "- Confidential: personal data -", "GP Connect"),
        *("Version 3", "Number of related documents: 1"),
        *("Surname, forename(s)", "Smith, Richard John"),
        *("DOB", "09-Jan-1957", "NHS No.", "969 093 7278", "Gender", "MALE"),
        *("Tel No.", "01632 960001", "Registered Address", "1 High Street, Carlisle, CA1 1AA"),
        *("Current Tel No.", "01632 960987", "Current Address", "567 New Street, Townville, TV3 3AB"),
        *("Date seen", "20-Nov-2026 18:05", "Date consultation sent", "20-Nov-2026 21:25"),
        *("Clinician", "Dr Gary Pritchard, General practitioner"),
        *("Surgery Tel No.", "01632 960003", "Surgery email", "riverside@example.nhs.uk"),
        *("Place of consultation", "Riverside Medical Practice, Carlisle"),
        *("Clinical notes", "History", "Sore throat for 3 days", "Pain in throat (SNOMED CT 162397003)"),
    ]


def test_what_further_pages_repeat_is_read_once(long: bytes) -> None:
    read = blocks(long)

    assert read.count("Smith, Richard John") == 1
    assert read.count("Clinical notes") == 1
    assert " ".join(read).count("intermittent") == 20 * 4


def test_all_text_is_either_in_the_structure_or_an_artifact(long: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(long))
    numbers: Any = reader.root_object["/StructTreeRoot"]["/ParentTree"]["/Nums"]

    for index, page in enumerate(reader.pages):
        elements = numbers[2 * index + 1]
        operations = ContentStream(page["/Contents"].get_object(), reader).operations
        marks = [operands for operands, operator in operations if operator in {b"BDC", b"BMC"}]
        tagged = [mark[1]["/MCID"] for mark in marks if mark[0] != "/Artifact"]
        assert sum(operator == b"ET" for _, operator in operations) <= len(marks)
        assert [mcid for mcid in tagged if elements[mcid] is None] == []
        assert ["/Artifact", {"/Type": "/Pagination"}] in marks


def test_the_document_claims_pdf_a_3a_and_pdf_ua_1(plain: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(plain))

    metadata = reader.xmp_metadata
    assert metadata is not None
    archive = "http://www.aiim.org/pdfa/ns/id/"
    assert [node.value for node in metadata.get_element("", archive, "part")] == ["3"]
    assert [node.value for node in metadata.get_element("", archive, "conformance")] == ["A"]
    assert [node.value for node in metadata.get_element("", "http://www.aiim.org/pdfua/ns/id/", "part")] == ["1"]
    assert reader.root_object["/MarkInfo"]["/Marked"] is not None
    assert reader.root_object["/OutputIntents"]
    assert reader.trailer["/ID"]


@pytest.mark.requirement("GPCM-SD-091")
def test_the_document_has_a_title_a_language_and_a_date_but_no_patient_in_its_properties(plain: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(plain))

    assert reader.root_object["/Lang"] == "en-GB"
    assert (
        dict(reader.metadata or {}).items()
        >= {
            "/Title": "Federated Consultation Report Version 3",
            "/CreationDate": "D:20261120212500Z",
        }.items()
    )
    assert "Smith" not in str(reader.metadata)
    assert metadata_text(reader).count("Smith") == 0


def metadata_text(reader: pypdf.PdfReader) -> str:
    return str(reader.root_object["/Metadata"].get_object().get_data())


def test_the_lozenge_has_alternative_text(plain: bytes) -> None:
    figures = [item for item in objects(plain) if item.get("/S") == "/Figure"]

    assert [figure["/Alt"] for figure in figures] == ["NHS"]


def test_every_font_is_embedded(plain: bytes) -> None:
    rows = poppler("pdffonts", plain).splitlines()[2:]

    assert rows
    assert [row for row in rows if not re.search(r"\byes yes yes\b", row)] == []


@pytest.fixture(scope="module")
def complex_texts() -> bytes:
    return print_pdf(html(consultation(notes=notes(*COMPLEX))))


@pytest.mark.requirement("GPCM-SD-086")
@pytest.mark.parametrize("note", COMPLEX)
def test_a_text_that_is_drawn_in_another_order_is_told_in_its_own(complex_texts: bytes, note: str) -> None:
    told = [str(item["/ActualText"]) for item in objects(complex_texts) if "/ActualText" in item]

    assert note in told


def test_a_text_that_is_drawn_as_it_is_read_is_told_once_only(plain: bytes) -> None:
    assert [item for item in objects(plain) if "/ActualText" in item] == []


def test_every_glyph_stands_for_some_letter(complex_texts: bytes) -> None:
    maps = [item["/ToUnicode"].get_object().get_data() for item in objects(complex_texts) if "/ToUnicode" in item]

    assert len(maps) > 3
    assert [found for each in maps for found in re.findall(rb"<[0-9a-f]+> <>", each)] == []
