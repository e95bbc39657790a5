"""Pages as pictures, held against approved ones.

After a wanted change of the layout, ``APPROVE_PICTURES=1 pytest tests/federated_sender/test_pictures.py`` makes the
pictures in ``approved/`` anew: look at each of them, and only then commit them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from PIL import Image, ImageChops, ImageStat

from federated_sender.consultation import Consultation
from federated_sender.layout import print_pdf
from tests.federated_sender.printed import picture
from tests.federated_sender.reports import LONG_NOTE, attachment, consultation, html, notes

APPROVED: Final = Path(__file__).parent / "approved"
# shades of 256: other releases of poppler and FreeType smooth letters a little differently
LARGEST_MEAN, LARGEST_OF_A_BLOCK = 1.0, 16.0
BLOCK: Final = 12  # pixels: about a line high

SNOMED, DMD = "http://snomed.info/sct", "https://dmd.nhs.uk"


def coded(text: str, system: str, code: str, display: str) -> dict[str, Any]:
    return {"text": text, "code": {"system": system, "code": code, "display": display}}


SECTIONS: list[dict[str, Any]] = [
    {
        "heading": "History",
        "items": [
            coded(
                "Sore throat for 3 days, worse on swallowing. No cough.\nEating and drinking.",
                *(SNOMED, "162397003", "Pain in throat"),
            ),
            {"text": "Feels hot and tired"},
        ],
    },
    {
        "heading": "Examination",
        "items": [
            {"text": "Temperature 38.2 \u00b0C\nPulse 92/min\tBP 128/76"},
            {"text": "not to be seen", "confidential": True},
        ],
    },
    {"heading": "Diagnosis", "items": [coded("Tonsillitis", SNOMED, "17741008", "Acute tonsillitis")]},
    {
        "heading": "Medication",
        "items": [
            coded(
                "Phenoxymethylpenicillin 250mg tablets - two tablets four times a day - 80 tablets",
                *(DMD, "41954411000001102", "Phenoxymethylpenicillin 250mg tablets"),
            ),
            coded("Ibuprofen as needed", "http://read.info/ctv3", "x02NH", "Ibuprofen"),
        ],
    },
    {"heading": "Plan", "items": []},
    {"heading": "Follow-up", "items": [{"text": "To be seen again if not better in 3 days"}]},
]
LONG_SECTIONS = [
    {
        "heading": heading,
        "items": [
            coded(LONG_NOTE if item % 3 else "A short entry", SNOMED, "162397003", "Pain in throat")
            for item in range(7)
        ],
    }
    for heading in ("History", "Examination of ear, nose and throat", "Plan", "Advice")
]
SCRIPTS = [
    "\u05db\u05d0\u05d1 \u05d2\u05e8\u05d5\u05df 3 \u05d9\u05de\u05d9\u05dd",
    "\u0623\u0644\u0645 \u0641\u064a \u0627\u0644\u062d\u0644\u0642 \u0645\u0646\u0630 3 \u0623\u064a\u0627\u0645",
    "The patient says \u05db\u05d0\u05d1 \u05d2\u05e8\u05d5\u05df and points at the throat",
    "\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac, \u041a\u0438\u0440\u0438\u043b\u043b\u0438\u0446\u0430",
    "za\u017c\u00f3\u0142\u0107, letters and marks: q\u0303 n\u0308",
    "No font has this: \U0010fffd, nor this: \u0378",
    "word" * 60,
]
LONG_PATIENT = {
    "family": "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewis" * 5,
    "telephones": [f"01632 9600{number:02}" for number in range(12)],
    "address": {"lines": ["Flat 17, The Old Maltings Business and Residential Park", "Near the Bridge"] * 3},
}


class Page(NamedTuple):
    """A page of a report: which one, and of what."""

    number: int
    subject: Callable[[], Consultation]
    version: int = 1


PAGES: Final = {
    "coded": Page(1, lambda: consultation(notes=SECTIONS, attachments=[attachment("ECG")]), version=2),
    "confidential": Page(1, lambda: consultation(confidential=True, attachments=[attachment("ECG")])),
    "empty": Page(1, lambda: consultation(notes=[], patient={"current_telephones": [], "current_address": None})),
    "section-continued": Page(2, lambda: consultation(notes=LONG_SECTIONS)),
    "scripts": Page(1, lambda: consultation(notes=notes(*SCRIPTS))),
    "long-1": Page(1, lambda: consultation(patient=LONG_PATIENT, notes=notes(*[LONG_NOTE] * 20))),
    "long-2": Page(2, lambda: consultation(patient=LONG_PATIENT, notes=notes(*[LONG_NOTE] * 20))),
}


class Difference(NamedTuple):
    """How far two pictures are apart in shades: on the whole, and where they are so most."""

    mean: float
    of_a_block: float


def report(name: str) -> str:
    page = PAGES[name]
    return html(page.subject(), version=page.version)


def difference(one: Image.Image, other: Image.Image) -> Difference:
    assert one.size == other.size
    apart = ImageChops.difference(one, other)
    return Difference(ImageStat.Stat(apart).mean[0], float(apart.reduce(BLOCK).getextrema()[1]))


def is_approved(name: str, actual: Image.Image) -> bool:
    with Image.open(APPROVED / f"{name}.png") as approved:
        mean, of_a_block = difference(actual, approved.convert("L"))
    return mean <= LARGEST_MEAN and of_a_block <= LARGEST_OF_A_BLOCK


@pytest.mark.requirement("GPCM-SD-086", "GPCM-SD-087", "GPCM-SD-090", "GPCM-SD-102")
@pytest.mark.parametrize("name", PAGES)
def test_each_page_looks_as_it_was_approved(name: str, tmp_path: Path) -> None:
    actual = picture(print_pdf(report(name)), PAGES[name].number, tmp_path)

    if os.environ.get("APPROVE_PICTURES"):
        actual.save(APPROVED / f"{name}.png", optimize=True)

    assert is_approved(name, actual), f"{tmp_path}/page.png differs from approved/{name}.png"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<p class="code" dir="ltr">Pain in throat (SNOMED CT 162397003)</p>', ""),
        ("Feels hot and tired", ""),
        ("Feels hot and tired", "Feels hot, not tired"),
        ("Pulse 92/min", "Pulse 42/min and"),
        ('<h3 dir="ltr">Diagnosis</h3>', ""),
        ("MALE", ""),
        ("</head>", "<style>.notes .item { margin-bottom: -6pt }</style></head>"),
        ("</head>", "<style>.value.address { margin-left: -20pt }</style></head>"),
        ("</head>", "<style>.strip { background: #fff }</style></head>"),
    ],
)
def test_a_page_that_lacks_a_line_or_prints_it_elsewhere_is_not_approved(
    before: str, after: str, tmp_path: Path
) -> None:
    sound = report("coded")
    broken = sound.replace(before, after)
    assert broken != sound

    assert not is_approved("coded", picture(print_pdf(broken), 1, tmp_path))


def test_approved_pictures_are_small_and_all_used() -> None:
    sizes = {file.stem: file.stat().st_size for file in APPROVED.iterdir()}

    assert sizes.keys() == PAGES.keys()
    assert [name for name, size in sizes.items() if size > 60_000] == []
