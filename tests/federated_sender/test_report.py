from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from lxml import html as lxml_html

from federated_sender.report import Practice, report_title
from tests.federated_sender.reports import PRACTICE, attachment, consultation, html, notes


def page_one(report: str) -> list[str]:
    """Return the texts of the first page's paragraphs and headings, in reading order, empty ones too."""
    root = lxml_html.fromstring(report)
    root.find_class("continued")[0].drop_tree()
    return [" ".join(element.text_content().split(" ")) for element in root.iter("h1", "h2", "h3", "p")]


def value(report: str, label: str) -> str:
    return dict(pairwise(page_one(report)))[label]


def items(report: str) -> list[str]:
    root = lxml_html.fromstring(report)
    return [element.text_content() for element in root.find_class("item")]


@pytest.mark.requirement("GPCM-SD-090")
def test_the_fields_stand_in_the_order_of_the_official_layout() -> None:
    report = html()

    texts = page_one(report)

    assert texts == [
        *("Consultation Report", "- Confidential: personal data -", "GP Connect"),
        *("Version 1", "Number of related documents: 0"),
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


@pytest.mark.requirement("GPCM-SD-091", "GPCM-SD-098")
def test_the_version_stands_in_its_field_and_in_the_title() -> None:
    report = html(version=12)

    assert "Version 12" in page_one(report)
    assert lxml_html.fromstring(report).findtext(".//title") == report_title(12)
    assert report_title(12) == "Federated Consultation Report Version 12"


@pytest.mark.requirement("GPCM-SD-090")
def test_the_related_documents_are_the_attachments() -> None:
    subject = consultation(attachments=[attachment("ECG"), attachment("Letter")])

    assert "Number of related documents: 2" in page_one(html(subject))


@pytest.mark.parametrize(
    ("gender", "shown"),
    [("male", "MALE"), ("female", "FEMALE"), ("other", "OTHER"), ("unknown", "NOT KNOWN"), (None, "NOT KNOWN")],
)
def test_the_gender_is_one_of_four_words(gender: str | None, shown: str) -> None:
    assert value(html(consultation(patient={"gender": gender})), "Gender") == shown


@pytest.mark.parametrize(
    ("utc", "shown"),
    [
        ("2026-07-31T23:30:00+00:00", "01-Aug-2026 00:30"),
        ("2026-03-29T00:59:00+00:00", "29-Mar-2026 00:59"),
        ("2026-03-29T01:00:00+00:00", "29-Mar-2026 02:00"),
        ("2026-10-25T00:59:00+00:00", "25-Oct-2026 01:59"),
        ("2026-10-25T01:00:00+00:00", "25-Oct-2026 01:00"),
        ("2026-11-20T23:30:00-05:00", "21-Nov-2026 04:30"),
    ],
)
def test_times_are_those_of_london_also_in_summer(utc: str, shown: str) -> None:
    assert value(html(consultation(started_at=utc)), "Date seen") == shown


@pytest.mark.requirement("GPCM-SD-090")
def test_without_temporary_details_their_labels_are_hidden() -> None:
    report = html(consultation(patient={"current_telephones": [], "current_address": None}))

    assert "Current Tel No." not in report
    assert "Current Address" not in report


def test_what_the_record_does_not_hold_leaves_its_label_with_no_value() -> None:
    report = html(
        consultation(patient={"given": [], "telephones": [], "address": None}),
        practice=Practice("Riverside", None, "01632 960003"),
    )

    assert value(report, "Surname, forename(s)") == "Smith"
    assert value(report, "Tel No.") == ""
    assert value(report, "Registered Address") == ""
    assert value(report, "Surgery email") == ""
    assert value(report, "Place of consultation") == "Riverside"


def test_each_telephone_number_has_its_line() -> None:
    report = html(consultation(patient={"telephones": ["01632 960001", "07700 900001"]}))

    assert value(report, "Tel No.") == "01632 960001\n07700 900001"


@pytest.mark.requirement("GPCM-SD-086", "GPCM-SD-087")
def test_every_section_and_item_is_shown_in_the_order_of_the_screen() -> None:
    sections: list[dict[str, Any]] = [
        {"heading": "History", "items": [{"text": "one"}, {"text": "two"}]},
        {"heading": "Plan", "items": []},
        {"heading": "Medication", "items": [{"text": "three"}]},
    ]

    texts = page_one(html(consultation(notes=sections)))

    assert texts[texts.index("Clinical notes") + 1 :] == ["History", "one", "two", "Plan", "Medication", "three"]


@pytest.mark.requirement("GPCM-SD-087")
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028", "\x85"])
def test_line_breaks_and_spaces_of_a_note_are_kept(line_break: str) -> None:
    report = html(consultation(notes=notes(f"one{line_break}  two{line_break}{line_break}three")))

    assert items(report) == ["one\n  two\n\nthree"]


def test_markup_in_a_note_is_text() -> None:
    text = "<b>BP</b> 120/80 & <script>alert(1)</script> {{ version }} &lt;"

    assert items(html(consultation(notes=notes(text)))) == [text]


def test_notes_that_hold_nothing_say_so() -> None:
    assert page_one(html(consultation(notes=[])))[-1] == "No notes were recorded"


@pytest.mark.requirement("GPCM-SD-102")
def test_a_confidential_consultation_says_so_and_sends_nothing_of_the_five_items() -> None:
    subject = consultation(confidential=True, attachments=[attachment("ECG")])

    report = html(subject)

    assert items(report) == ["The details of this consultation have been set as confidential"]
    labels = ("Clinician", "Surgery Tel No.", "Surgery email", "Place of consultation")
    assert [value(report, label) for label in labels] == ["", "", "", ""]
    assert "Number of related documents: 0" in page_one(report)
    secrets = ("Pritchard", "General practitioner", "Sore throat", "Pain in throat", "History", "ECG")
    assert not [secret for secret in (*secrets, PRACTICE.name, PRACTICE.telephone, "riverside@") if secret in report]


@pytest.mark.requirement("GPCM-SD-102")
def test_a_confidential_consultation_still_says_who_and_when() -> None:
    report = html(consultation(confidential=True))

    assert value(report, "Surname, forename(s)") == "Smith, Richard John"
    assert value(report, "Date seen") == "20-Nov-2026 18:05"


def test_confidential_items_are_replaced_one_by_one() -> None:
    secret = {
        "text": "Secret text",
        "code": {"system": "http://snomed.info/sct", "code": "1234", "display": "Secret term"},
        "confidential": True,
    }
    subject = consultation(notes=[{"heading": "History", "items": [secret, {"text": "Plain"}, secret]}])

    report = html(subject)

    assert items(report) == ["Confidential item", "Plain", "Confidential item"]
    assert "Secret" not in report
    assert "1234" not in report


def test_the_same_consultation_gives_the_same_report() -> None:
    assert html() == html()
