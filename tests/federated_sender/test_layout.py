from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import warnings
from itertools import product
from pathlib import Path

import pypdf
import pytest
from weasyprint import CSS, HTML

from federated_sender import kept_styles, layout
from federated_sender.layout import missing_libraries, print_pdf
from federated_sender.pdf_standards import complete
from shared.errors import RenderingFailed
from tests.federated_sender.printed import Word, overlapping, pages, text, words
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
    "family": "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewis" * 5,
    "given": ["Bartholomew", "Maximilian"],
    "telephones": [f"01632 9600{number:02}" for number in range(12)],
    "address": LONG_ADDRESS,
    "current_telephones": ["01632 960987", "07700 900003"],
    "current_address": LONG_ADDRESS,
}


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


@pytest.fixture(scope="module")
def plain() -> bytes:
    return print_pdf(html(consultation(attachments=[attachment("ECG")]), version=3))


def mixed_report() -> str:
    """Return a report of two pages with letters from several fonts, and some from none."""
    return html(consultation(notes=notes("\u0395\u03bb \u4e2d \u05db\u05d0\u05d1 \U0001f600", *[LONG_NOTE] * 20)))


@pytest.fixture(scope="module")
def mixed() -> bytes:
    return print_pdf(mixed_report())


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


def test_page_one_has_the_longest_name_and_every_telephone_number_in_full(extreme: bytes) -> None:
    printed = words(extreme, 1)

    telephones = next(word.top for word in printed if word.text == "Tel")
    name = [word.text for word in printed if word.left > 170 and word.right < 326 and 95 < word.top < telephones]
    assert "".join(name) == f"{EXTREME['family']},BartholomewMaximilian"
    numbers = [word.text for word in printed if word.left < 140 and word.text.startswith("9600")]
    assert numbers == [f"9600{number:02}" for number in range(12)]


def test_a_value_without_end_leaves_room_for_the_notes() -> None:
    endless = {"family": "Wolfe" * 200, "address": {"lines": ["Street " * 300], "postcode": "AB12 3CD"}}

    pdf = print_pdf(html(consultation(patient=endless, notes=notes(*[LONG_NOTE] * 20))))

    last_page = words(pdf, len(pypdf.PdfReader(io.BytesIO(pdf)).pages))
    assert overlapping(last_page) == []
    assert "intermittent" in {word.text for word in last_page}


def test_the_same_report_gives_the_same_bytes(plain: bytes) -> None:
    assert print_pdf(html(consultation(attachments=[attachment("ECG")]), version=3)) == plain


def printed_plainly(document: str) -> bytes:
    """Return what the library makes of ``document`` when nothing is kept from one call to the next."""
    stylesheet = CSS(string=(Path(layout.__file__).parent / "templates" / "report.css").read_text("utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        pdf: bytes = HTML(string=document).write_pdf(
            stylesheets=[stylesheet], finisher=complete, pdf_variant="pdf/a-3a"
        )
    return pdf


def test_the_bytes_are_those_of_the_library_with_its_own_parser_and_rules_whatever_was_printed_before() -> None:
    documents = {
        "one page": html(consultation(attachments=[attachment("ECG")])),
        "several pages": html(consultation(notes=notes(*[LONG_NOTE] * 20))),
        "a long header": html(consultation(patient=EXTREME, notes=notes(*[LONG_NOTE] * 20))),
        "confidential": html(consultation(confidential=True)),
        "from right to left": html(consultation(notes=notes("\u05db\u05d0\u05d1 \u05d2\u05e8\u05d5\u05df"))),
    }
    expected = {name: printed_plainly(document) for name, document in documents.items()}

    # each stands after each other one, and after itself
    for name in (name for pair in product(documents, repeat=2) for name in pair):
        assert print_pdf(documents[name]) == expected[name], name


def test_styles_are_worked_out_for_the_first_reports_alone() -> None:
    reports = [html(consultation(notes=notes(*[f"{LONG_NOTE} {number}"] * number))) for number in (1, 20)]
    for report in reports:
        print_pdf(report)
    known = set(kept_styles._KEPT)

    for number in range(5):
        print_pdf(html(consultation(notes=notes(f"Sore throat, day {number}"), confidential=number == 3)))
    for report in reports:
        print_pdf(report)

    assert set(kept_styles._KEPT) == known


@pytest.mark.requirement("GPCM-SD-090")
def test_a_short_text_of_many_lines_has_the_patient_on_its_second_page() -> None:
    report = html(consultation(notes=notes("\n".join(map(str, range(60))))))

    first, second = pages(print_pdf(report))

    assert len(report) < 6_000
    assert "Page 1 of 2" in first
    assert second.count("Page 2 of 2") == 2
    assert "Smith, Richard John" in second
    assert "969 093 7278" in second


def test_a_letter_that_xml_forbids_does_not_keep_a_report_from_being_printed() -> None:
    pdf = print_pdf(html().replace("Sore throat", "Sore\uffffthroat"))

    assert "Smith, Richard John" in text(pdf)
    assert "[U+FFFF]" in text(pdf)


@pytest.mark.parametrize(
    "settings",
    [
        {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "America/New_York", "LANG": "de_DE.UTF-8", "LANGUAGE": "de", "PYTHONHASHSEED": "2"},
    ],
)
def test_another_process_with_other_settings_gives_the_same_bytes(mixed: bytes, settings: dict[str, str]) -> None:
    program = (
        "import sys\n"
        "from federated_sender.layout import print_pdf\n"
        "from tests.federated_sender.test_layout import mixed_report\n"
        "sys.stdout.buffer.write(print_pdf(mixed_report()))"
    )

    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | settings,
    )

    assert told.stdout == mixed


@pytest.fixture(scope="module")
def thirty() -> list[str]:
    """Give the texts of the pages of a report with three hundred items."""
    texts = (f"Entry {number}. {LONG_NOTE}" for number in range(300))
    return pages(print_pdf(html(consultation(notes=notes(*texts)))))


@pytest.mark.requirement("GPCM-SD-086")
def test_thirty_pages_of_notes_are_all_there(thirty: list[str]) -> None:
    assert len(thirty) >= 30
    assert re.findall(r"Entry (\d+)\.", "".join(thirty)) == [str(number) for number in range(300)]


@pytest.mark.requirement("GPCM-SD-090")
def test_each_of_thirty_pages_has_its_number_and_the_patient(thirty: list[str]) -> None:
    count = len(thirty)

    assert [re.findall(r"Page \d+ of \d+", page) for page in thirty] == [
        [f"Page {number} of {count}"] * 2 for number in range(1, count + 1)
    ]
    assert [page for page in thirty if "Smith, Richard John" not in page or "969 093 7278" not in page] == []


KNOWN_LETTERS = ("zażółć gęślą jaźń", "Ελληνικά", "Кириллица", "H₂O ≥ 5 µg")
UNKNOWN_LETTERS = ("\U0010fffd", "\u0378", "\x7f", "\x80", "\x9f", "\ufff9")
# Chinese, Japanese, Korean, Thai, a family of emoji: this machine may have fonts for them or not
PERHAPS_KNOWN = ("\u4e2d\u6587\u54bd", "\u65e5\u672c", "\ud55c\uad6d", "\u0e44\u0e17", "\U0001f468\u200d\U0001f469")


@pytest.fixture(scope="module")
def letters() -> str:
    """Give the text of a report whose items hold one sort of letters each."""
    items = [f"before {note} after" for note in (*KNOWN_LETTERS, *UNKNOWN_LETTERS, *PERHAPS_KNOWN)]
    return text(print_pdf(html(consultation(notes=notes(*items)))))


@pytest.mark.requirement("GPCM-SD-086")
@pytest.mark.parametrize("note", KNOWN_LETTERS)
def test_letters_beyond_english_are_printed(letters: str, note: str) -> None:
    assert f"before {note} after" in letters


@pytest.mark.requirement("GPCM-SD-086")
@pytest.mark.parametrize("letter", UNKNOWN_LETTERS)
def test_a_letter_that_no_font_has_is_printed_as_its_code_point(letters: str, letter: str) -> None:
    assert f"before [U+{ord(letter):04X}] after" in letters


@pytest.mark.requirement("GPCM-SD-086")
@pytest.mark.parametrize("note", PERHAPS_KNOWN)
def test_every_letter_is_printed_by_some_font_or_as_its_code_point(letters: str, note: str) -> None:
    shown = re.sub(r"\[U\+([0-9A-F]+)\]", lambda found: chr(int(found[1], 16)), letters)

    # what joins letters has no shape of its own
    assert f"before {note} after".replace("\u200d", "") in shown.replace("\u200d", "")


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
