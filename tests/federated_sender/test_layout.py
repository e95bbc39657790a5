from __future__ import annotations

import io
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pypdf
import pytest
from pypdf.generic import ContentStream

from federated_sender import layout
from federated_sender.layout import missing_libraries, print_pdf
from shared.errors import RenderingFailed
from tests.federated_sender.reports import LONG_NOTE, PRACTICE, attachment, consultation, html, notes

# where the official layout, on US Letter, has the first word of each label (points from the top left corner)
LETTER, A4 = (612.0, 792.0), (595.28, 841.89)
PAGE_ONE = {
    "Consultation Report": (214.85, 30.92),
    "- Confidential: personal data -": (219.05, 47.99),
    "GP Connect": (480.46, 31.82),
    "Version": (85.80, 67.45),
    "Number of related documents:": (206.06, 67.45),
    "Page": (454.18, 67.45),
    "Surname, forename(s)": (50.04, 90.01),
    "DOB": (344.71, 91.07),
    "NHS No.": (442.54, 91.07),
    "Gender": (333.91, 108.35),
    "Tel No.": (49.80, 124.43),
    "Registered": (186.86, 124.19),
    "Address": (197.66, 135.71),
    "Current": (50.88, 151.31),
    "Current Address": (200.78, 151.31),
    "Date seen": (68.28, 178.07),
    "Date consultation sent": (273.29, 178.07),
    "Clinician": (75.48, 196.91),
    "Surgery Tel No.": (300.05, 196.91),
    "Surgery email": (307.73, 210.47),
    "Place of": (77.40, 223.79),
    "consultation": (61.32, 235.34),
    "Clinical notes": (70.44, 267.34),
    "Confidential: personal data": (67.80, 740.58),
    "Page of": (488.50, 740.58),
}
PAGE_TWO = {
    "Version": (85.80, 23.63),
    "Number of related documents:": (206.06, 23.63),
    "Page": (454.18, 23.63),
    "Surname, forename(s)": (50.04, 54.01),
    "DOB": (344.71, 55.07),
    "NHS No.": (442.54, 55.07),
    "Gender": (333.91, 69.35),
    "Tel No.": (49.80, 82.43),
    "Address": (197.42, 82.43),
    "Current": (50.88, 109.31),
    "Current Address": (200.78, 109.31),
    "Clinical notes": (70.44, 137.59),
    "Confidential: personal data": (67.80, 725.82),
    "Page of": (488.50, 725.82),
}
LONG_ADDRESS = {
    "lines": [
        "Flat 17, The Old Maltings Business and Residential Park",
        "123 Considerably Lengthy Generic Street Name",
        "Just off the Main Square",
        "A Village near the Very Old Bridge",
        "Near a town called Somewhere-upon-Avon",
        "In a County of Some Renown",
    ],
    "postcode": "AB12 3CD",
}
EXTREME = {
    "family": "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewis",
    "given": ["Bartholomew", "Maximilian"],
    "telephones": ["01632 960001", "07700 900001", "07700 900002"],
    "address": LONG_ADDRESS,
    "current_telephones": ["01632 960987", "07700 900003"],
    "current_address": LONG_ADDRESS,
}


class Word(NamedTuple):
    text: str
    left: float
    top: float
    right: float
    bottom: float


def poppler(tool: str, pdf: bytes, *options: str) -> str:
    command = [tool, *options, "-", "-"] if tool == "pdftotext" else [tool, *options, "-"]
    return subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()


def words(pdf: bytes, page: int) -> list[Word]:
    boxes = poppler("pdftotext", pdf, "-bbox", "-f", str(page), "-l", str(page))
    pattern = r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>'
    return [Word(found[4], *map(float, found[:4])) for found in re.findall(pattern, boxes)]


def text(pdf: bytes) -> str:
    return poppler("pdftotext", pdf, "-layout")


def misplaced(printed: list[Word], official: dict[str, tuple[float, float]]) -> list[str]:
    """Return the labels that are not within six points of their scaled official place."""
    starts = {label: label.split()[0] for label in official}
    return [
        label
        for label, (x, y) in official.items()
        if not any(
            word.text == starts[label]
            and abs(word.left - x * A4[0] / LETTER[0]) <= 6
            and abs(word.top - y * A4[1] / LETTER[1]) <= 6
            for word in printed
        )
    ]


def overlapping(printed: list[Word]) -> list[tuple[str, str]]:
    return [
        (one.text, other.text)
        for one, other in combinations(printed, 2)
        if min(one.right, other.right) > max(one.left, other.left)
        and min(one.bottom, other.bottom) > max(one.top, other.top)
    ]


def blocks(pdf: bytes) -> list[str]:
    """Return the text of each paragraph and heading of the structure tree, in its order."""
    found: list[str] = []
    for line in poppler("pdfinfo", pdf, "-struct-text").splitlines():
        if line.endswith("(block)"):
            found.append("")
        elif quoted := re.fullmatch(r'\s*"(.*)"', line):
            found[-1:] = [f"{found[-1]} {quoted[1]}".strip()] if found else []
    return [block for block in found if block]


@pytest.fixture(scope="module")
def plain() -> bytes:
    return print_pdf(html(consultation(attachments=[attachment("ECG")]), version=3))


@pytest.fixture(scope="module")
def long() -> bytes:
    return print_pdf(html(consultation(notes=notes(*[LONG_NOTE] * 20))))


@pytest.fixture(scope="module")
def extreme() -> bytes:
    return print_pdf(html(consultation(patient=EXTREME, notes=notes(*[LONG_NOTE] * 20))))


@pytest.mark.requirement("GPCM-SD-090")
def test_each_label_of_page_one_is_at_its_official_place(plain: bytes) -> None:
    assert misplaced(words(plain, 1), PAGE_ONE) == []


@pytest.mark.requirement("GPCM-SD-090")
def test_each_label_of_page_two_is_at_its_official_place(long: bytes) -> None:
    assert misplaced(words(long, 2), PAGE_TWO) == []


@pytest.mark.requirement("GPCM-SD-090")
def test_pages_two_and_on_repeat_the_strip_and_the_patient_but_not_the_consultation(long: bytes) -> None:
    pages = text(long).split("\f")[:-1]

    assert len(pages) == 3
    for number, page in enumerate(pages[1:], start=2):
        assert page.count(f"Page {number} of 3") == 2
        assert "Version 1" in page
        assert "Smith, Richard John" in page
        assert "969 093 7278" in page
        assert "Clinical notes" in page
        assert "Registered" not in page
        assert "Date seen" not in page
        assert "Clinician" not in page


def test_the_page_is_a4(plain: bytes) -> None:
    box = pypdf.PdfReader(io.BytesIO(plain)).pages[0].mediabox

    assert (round(box.width), round(box.height)) == (595, 842)


@pytest.mark.parametrize(("name", "page"), [("plain", 1), ("long", 2), ("extreme", 1), ("extreme", 2)])
def test_nothing_overlaps_and_nothing_leaves_the_frame(name: str, page: int, request: pytest.FixtureRequest) -> None:
    printed = words(request.getfixturevalue(name), page)

    assert overlapping(printed) == []
    assert [word.text for word in printed if word.left < 47 or word.right > 548 or word.bottom > 805] == []


def test_the_notes_of_page_two_begin_below_a_long_header(extreme: bytes) -> None:
    printed = words(extreme, 2)

    bar = next(word for word in printed if word.text == "Clinical")
    first_note = next(word for word in printed if word.text in LONG_NOTE.split() and word.top > bar.bottom)
    assert bar.bottom + 8 < first_note.top < bar.bottom + 40


def test_a_value_without_end_leaves_room_for_the_notes() -> None:
    endless = {"family": "Wolfe" * 200, "address": {"lines": ["Street " * 300], "postcode": "AB12 3CD"}}

    pdf = print_pdf(html(consultation(patient=endless, notes=notes(*[LONG_NOTE] * 20))))

    last_page = words(pdf, len(pypdf.PdfReader(io.BytesIO(pdf)).pages))
    assert overlapping(last_page) == []
    assert "intermittent" in {word.text for word in last_page}


@pytest.mark.requirement("GPCM-SD-090", "GPCM-SD-091")
def test_the_structure_reads_every_label_followed_by_its_value_once(plain: bytes) -> None:
    assert blocks(plain) == [
        *("Consultation Report", "- Confidential: personal data -", "GP Connect"),
        *("Version 3", "Number of related documents: 1", "Page 1 of 1"),
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
    reader = pypdf.PdfReader(io.BytesIO(plain))
    objects = [reader.get_object(number) for number in range(1, int(reader.trailer["/Size"]))]

    figures = [item for item in objects if isinstance(item, dict) and item.get("/S") == "/Figure"]

    assert [figure["/Alt"] for figure in figures] == ["NHS"]


def test_every_font_is_embedded(plain: bytes) -> None:
    rows = poppler("pdffonts", plain).splitlines()[2:]

    assert rows
    assert [row for row in rows if not re.search(r"\byes yes yes\b", row)] == []


def test_the_same_report_gives_the_same_bytes(plain: bytes) -> None:
    assert print_pdf(html(consultation(attachments=[attachment("ECG")]), version=3)) == plain


@pytest.mark.requirement("GPCM-SD-086")
def test_thirty_pages_of_notes_are_all_there() -> None:
    texts = [f"Entry {number}. {LONG_NOTE}" for number in range(300)]

    pdf = print_pdf(html(consultation(notes=notes(*texts))))

    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) >= 30
    assert re.findall(r"Entry (\d+)\.", text(pdf)) == [str(number) for number in range(300)]


@pytest.mark.requirement("GPCM-SD-086")
@pytest.mark.parametrize("note", ["zażółć gęślą jaźń", "Ελληνικά", "Кириллица", "H₂O ≥ 5 µg"])
def test_letters_beyond_english_are_printed(note: str) -> None:
    assert note in text(print_pdf(html(consultation(notes=notes(note)))))


@pytest.mark.requirement("GPCM-SD-086")
def test_a_letter_that_no_font_has_is_printed_as_its_code_point() -> None:
    pdf = print_pdf(html(consultation(notes=notes("before \U000f0001 after"))))

    assert "before [U+F0001] after" in text(pdf)


def test_markup_in_a_note_is_printed_as_text() -> None:
    pdf = print_pdf(html(consultation(notes=notes("<b>BP</b> & <img src='file:///etc/passwd'>"))))

    assert "<b>BP</b> & <img src='file:///etc/passwd'>" in text(pdf)


def test_no_address_in_a_document_is_fetched(tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    picture.write_text('<svg xmlns="http://www.w3.org/2000/svg"><text y="20">fetched</text></svg>')

    pdf = print_pdf(f"<html lang=en-GB><title>t</title><img alt=a src='{picture.as_uri()}'><p>text")

    assert "fetched" not in text(pdf)
    assert "text" in text(pdf)


@pytest.mark.requirement("GPCM-SD-102")
def test_a_confidential_report_prints_its_labels_and_nothing_of_the_consultation() -> None:
    pdf = print_pdf(html(consultation(confidential=True, attachments=[attachment("ECG")])))

    printed = text(pdf)
    assert misplaced(words(pdf, 1), PAGE_ONE) == []
    assert "The details of this consultation have been set as confidential" in printed
    secrets = ("Pritchard", "practitioner", "throat", "ECG", PRACTICE.name, PRACTICE.telephone, "riverside@")
    assert [secret for secret in secrets if secret in printed] == []


def test_a_document_that_cannot_be_laid_out_is_refused_without_quoting_it() -> None:
    with pytest.raises(RenderingFailed) as refused:
        print_pdf("<p>Smith \ud800")

    assert str(refused.value) == "the report could not be laid out (UnicodeEncodeError)"
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_machine_with_all_libraries_lacks_nothing_that_is_required() -> None:
    assert [library for library in missing_libraries() if library.required] == []


def test_missing_fonts_and_libraries_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_FONTS", {"No Such Font": "fonts-none"})
    monkeypatch.setattr("weasyprint.text.ffi.harfbuzz_subset", None)

    missing = missing_libraries()

    assert [str(library) for library in missing] == [
        "The font No Such Font is missing: install the Debian package fonts-none",
        "HarfBuzz-Subset, for speed, is missing: install the Debian package libharfbuzz-subset0",
    ]
    assert not any(library.required for library in missing)


def test_without_pango_reports_cannot_be_made_at_all(tmp_path: Path) -> None:
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango')")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from federated_sender.layout import missing_libraries\n"
        "print(*((str(library), library.required) for library in missing_libraries()))"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert told.stdout.strip() == "('Pango is missing: install the Debian package libpangoft2-1.0-0', True)"
