"""How a text of the notes stands on the page: its direction, where it may break, a code with its system."""

from __future__ import annotations

import re
from typing import Final, Literal
from unicodedata import bidirectional

from federated_sender.consultation import Code

_CODE_SYSTEMS: Final = {
    "http://snomed.info/sct": "SNOMED CT",
    "https://dmd.nhs.uk": "dm+d",
    "http://read.info/readv2": "Read v2",
    "http://read.info/ctv3": "CTV3",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://loinc.org": "LOINC",
    "http://unitsofmeasure.org": "UCUM",
}
_LINE_BREAK: Final = re.compile("\r\n|[\r\x85\u2028\u2029]")
# Latin only: between letters of other scripts a break may take them apart
_UNBROKEN: Final = re.compile("[!-\u024f]{120,}")
_BREAK_HERE: Final = "\u200b"
_FIRST_RIGHT_TO_LEFT: Final = "\u0590"
_LONGEST_HEADING: Final = 60


def direction(text: str) -> Literal["ltr", "rtl"]:
    """Return the direction of a paragraph of ``text``: that of its first letter that has one."""
    if text.isascii() or max(text) < _FIRST_RIGHT_TO_LEFT:
        return "ltr"
    first = next((kind for kind in map(bidirectional, text) if kind in {"L", "R", "AL"}), "L")
    return "ltr" if first == "L" else "rtl"


def breakable(text: str) -> str:
    """Return ``text`` with break points in words that are longer than a line.

    The layout would find them by itself, in a time that grows with the square of the length.
    """
    return _UNBROKEN.sub(lambda found: _BREAK_HERE.join(found[0]), text)


def continued(heading: str) -> str:
    """Return what stands above the notes of a page that begins inside the section of ``heading``."""
    words = " ".join(heading.split())
    short = words if len(words) <= _LONGEST_HEADING else words[:_LONGEST_HEADING].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    return f"{short} (continued)"


def code_text(code: Code) -> str:
    """Return the term and where it comes from: GPCM-SD-086 asks for the codes as well as the text."""
    return f"{code.display} ({_system_name(code.system)} {code.code})"


def _system_name(uri: str) -> str:
    plain = uri.rstrip("/")
    return _CODE_SYSTEMS.get(plain) or re.sub("^https?://", "", plain)


def with_line_breaks(text: str) -> str:
    """Return ``text`` with every kind of line break as the one that HTML and CSS know."""
    return _LINE_BREAK.sub("\n", text)
