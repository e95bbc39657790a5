"""Where the notes break, how they run, and that none of them is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest

from federated_sender.layout import print_pdf
from tests.federated_sender.printed import notes_of, pages, text, words
from tests.federated_sender.reports import consultation, html, notes


@pytest.mark.requirement("GPCM-SD-086")
def test_two_hundred_coded_items_are_all_there() -> None:
    code = {"system": "http://snomed.info/sct", "display": "Pain in throat"}
    items = [{"text": f"Entry {number}.", "code": code | {"code": str(1000 + number)}} for number in range(200)]

    printed = text(print_pdf(html(consultation(notes=[{"heading": "History", "items": items}]))))

    assert re.findall(r"Entry (\d+)\.", printed) == [str(number) for number in range(200)]
    assert re.findall(r"\(SNOMED CT (\d+)\)", printed) == [str(1000 + number) for number in range(200)]


def sections_of_many_lengths() -> list[dict[str, Any]]:
    """Return sections whose items have one to seven lines and a code, so that pages end in many ways."""
    sizes = iter(1 + (number * 5) % 7 for number in range(1000))
    return [
        {
            "heading": f"Heading {section}",
            "items": [
                {
                    "text": "\n".join(f"line {line + 1} of {size}" for line in range(size)),
                    "code": {"system": "http://snomed.info/sct", "code": str(size), "display": "Code after"},
                }
                for size in (next(sizes) for _ in range(1 + section % 5))
            ],
        }
        for section in range(60)
    ]


@pytest.fixture(scope="module")
def sections() -> list[list[str]]:
    """Give the lines of the notes on each page of a report with many sections."""
    pdf = print_pdf(html(consultation(notes=sections_of_many_lengths())))
    return [notes_of(page) for page in pages(pdf)]


def test_no_page_ends_with_a_heading_and_none_begins_with_a_code(sections: list[list[str]]) -> None:
    firsts = [next(line for line in lines if "(continued)" not in line) for lines in sections]

    assert len(sections) > 10
    assert [lines[-1] for lines in sections if lines[-1].startswith("Heading")] == []
    assert [line for line in firsts if line.startswith("Code after")] == []


def test_an_item_of_up_to_five_lines_is_never_parted_and_no_single_line_of_a_longer_one(
    sections: list[list[str]],
) -> None:
    # a page may end with a code, with a whole item never: its code follows
    endings = [found for lines in sections if (found := re.fullmatch(r"line (\d) of (\d)", lines[-1]))]

    assert endings
    assert [found[0] for found in endings if int(found[2]) < 6] == []
    assert [found[0] for found in endings if not 3 <= int(found[1]) <= int(found[2]) - 3] == []


@pytest.mark.requirement("GPCM-SD-087")
def test_a_page_that_begins_inside_a_section_repeats_its_heading(sections: list[list[str]]) -> None:
    last_heading = ""
    for lines in sections:
        if not lines[0].startswith("Heading") or "(continued)" in lines[0]:
            assert lines[0] == f"{last_heading} (continued)"
        headings = [line for line in lines if line.startswith("Heading") and "(continued)" not in line]
        last_heading = headings[-1] if headings else last_heading


def test_only_a_page_that_begins_inside_a_section_repeats_a_heading(sections: list[list[str]]) -> None:
    repeated = [index for index, lines in enumerate(sections) if "(continued)" in lines[0]]

    assert 0 < len(repeated) < len(sections) - 1
    assert [line for lines in sections for line in lines[1:] if "(continued)" in line] == []


def test_a_word_without_end_is_printed_whole_within_the_frame() -> None:
    pdf = print_pdf(html(consultation(notes=notes("Qz" * 10_000))))

    assert (text(pdf).count("Q"), text(pdf).count("z")) == (10_000, 10_000)
    assert [word for word in words(pdf, 2) if word.right > 548] == []


@pytest.mark.requirement("GPCM-SD-086")
def test_nothing_after_a_line_break_is_lost_wherever_it_stands() -> None:
    texts = [f"first{line_break}second" for line_break in ("\n", "\r", "\r\n", "\u2028", "\u2029", "\x85")]
    sections = [
        {"heading": each, "items": [{"text": each, "code": {"system": "urn:x", "code": "1", "display": each}}]}
        for each in texts
    ]

    printed = text(print_pdf(html(consultation(notes=sections))))

    assert (printed.count("first"), printed.count("second")) == (18, 18)


@pytest.mark.requirement("GPCM-SD-086")
def test_right_to_left_notes_begin_at_the_right_and_keep_their_words_in_order() -> None:
    hebrew = ["\u05db\u05d0\u05d1", "\u05d2\u05e8\u05d5\u05df", "\u05d7\u05d6\u05e7"]

    printed = words(print_pdf(html(consultation(notes=notes(" ".join(hebrew))))), 1)

    first, second, third = (next(word for word in printed if word.text in {each, each[::-1]}) for each in hebrew)
    assert 520 < first.right <= 548
    assert first.left >= second.right
    assert second.left >= third.right


@pytest.mark.requirement("GPCM-SD-086")
def test_hebrew_within_english_stands_where_it_is_said() -> None:
    printed = words(print_pdf(html(consultation(notes=notes("says \u05db\u05d0\u05d1 and 12/80")))), 1)

    places = {word.text: word.left for word in printed}
    hebrew = next(place for word, place in places.items() if "\u05d0" in word)
    assert places["says"] < hebrew < places["and"] < places["12/80"]
