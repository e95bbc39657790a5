from __future__ import annotations

import pytest

from federated_sender.consultation import Code
from federated_sender.report_text import breakable, code_text, continued, direction, with_line_breaks


@pytest.mark.requirement("GPCM-SD-086")
@pytest.mark.parametrize(
    ("system", "shown"),
    [
        ("http://snomed.info/sct", "Term (SNOMED CT 1234)"),
        ("https://dmd.nhs.uk", "Term (dm+d 1234)"),
        ("https://dmd.nhs.uk/", "Term (dm+d 1234)"),
        ("http://read.info/ctv3", "Term (CTV3 1234)"),
        ("http://hl7.org/fhir/sid/icd-10", "Term (ICD-10 1234)"),
        ("https://example.nhs.uk/codes/local", "Term (example.nhs.uk/codes/local 1234)"),
        ("urn:oid:1.2.3", "Term (urn:oid:1.2.3 1234)"),
        ("Local codes", "Term (Local codes 1234)"),
    ],
)
def test_a_code_is_shown_with_its_term_and_the_name_of_its_system(system: str, shown: str) -> None:
    assert code_text(Code(system=system, code="1234", display="Term")) == shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sore throat", "ltr"),
        ("", "ltr"),
        ("\u00c5ngstr\u00f6m", "ltr"),
        ("\u05db\u05d0\u05d1 sore", "rtl"),
        ("\u0623\u0644\u0645", "rtl"),
        ("sore \u05db\u05d0\u05d1", "ltr"),
        ("3. \u05db\u05d0\u05d1", "rtl"),
        ("\u4e2d\u6587", "ltr"),
        ("\U0001f600 1", "ltr"),
    ],
)
def test_the_first_letter_with_a_direction_gives_it_to_the_paragraph(text: str, expected: str) -> None:
    assert direction(text) == expected


def test_a_word_that_is_longer_than_a_line_may_break_anywhere() -> None:
    assert breakable("see " + "A" * 120 + " end") == "see " + "\u200b".join("A" * 120) + " end"


@pytest.mark.parametrize("text", ["A" * 119, "word " * 100, "\u4e2d" * 500, "\u0e44" * 500])
def test_other_texts_are_left_alone(text: str) -> None:
    assert breakable(text) == text


def test_a_heading_that_goes_on_says_so() -> None:
    assert continued("Examination") == "Examination (continued)"


def test_a_long_heading_goes_on_in_one_line() -> None:
    assert continued("Ear,\nnose " + "and throat " * 20) == (
        "Ear, nose and throat and throat and throat and throat and th\u2026 (continued)"
    )


@pytest.mark.requirement("GPCM-SD-087")
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85"])
def test_every_kind_of_line_break_is_kept(line_break: str) -> None:
    assert with_line_breaks(f"one{line_break}{line_break}two") == "one\n\ntwo"
