"""How much room the header of pages 2 and on takes: page margins are fixed before anything is laid out."""

from __future__ import annotations

from typing import Final
from unicodedata import normalize

# figures of report.css, in points
LEAST_HEIGHT: Final = 182.0  # 14 of it for the heading of a section that goes on
_LINE_HEIGHT: Final = 13.0
_LINES_OF_ROOM: Final = 2
_MOST_LINES: Final = 8
_NAME_SIZE, _NAME_WIDTH = 11.04, 150.0
_TELEPHONE_SIZE, _TELEPHONE_WIDTH = 10.08, 91.0
_ADDRESS_SIZE, _ADDRESS_WIDTH = 9.24, 312.0

# ems of Liberation Sans Bold, which has the widths of Arial Bold
_LETTER_WIDTHS: Final = (
    (" ,./Iijl", 0.28),
    ("!'()-:;[]ft", 0.34),
    ("*r", 0.39),
    ("0123456789aceksvxyzJ", 0.56),
    ("bdghnopquFLTZ", 0.612),
    ("ABCDEHKNPRSUVXY&", 0.723),
    ("GOQw", 0.78),
)
_WIDEST_LETTER: Final = 1.0
# beyond Cyrillic a letter may lack a font, and is then printed as [U+4E2D]
_LAST_SURE_LETTER: Final = "\u052f"
_WIDEST_CODE_POINT: Final = 5.6


def header_height(name: str, *rows: tuple[tuple[str, ...], str]) -> float:
    """Return the height in points to keep free above the notes of pages 2 and on.

    ``name`` and the telephones and address of each of ``rows`` may wrap. Their lines are estimated, never too
    few: one too many only costs some white space.
    """
    lines = [_lines(name, _NAME_SIZE, _NAME_WIDTH)]
    for telephones, address in rows:
        numbers = sum(_lines(number, _TELEPHONE_SIZE, _TELEPHONE_WIDTH) for number in telephones)
        lines.append(max(numbers, _lines(address, _ADDRESS_SIZE, _ADDRESS_WIDTH)))
    return LEAST_HEIGHT + _LINE_HEIGHT * sum(max(0, min(count, _MOST_LINES) - _LINES_OF_ROOM) for count in lines)


def _lines(text: str, size: float, width: float) -> int:
    """Return how many lines ``text`` takes at most in bold letters of ``size``, ``width`` wide (both points)."""
    lines, used = 1, 0.0
    for word in text.split():
        length = sum(map(_letter_width, word)) * size
        if used and used + length > width:
            lines, used = lines + 1, 0.0
        if length > width:
            # broken between any two letters, so each line may waste the width of one
            broken_width = width - _WIDEST_LETTER * size
            lines, length = lines + int(length // broken_width), length % broken_width
        used += length + _letter_width(" ") * size
    return lines


def _letter_width(letter: str) -> float:
    if letter > _LAST_SURE_LETTER:
        return _WIDEST_CODE_POINT
    base = normalize("NFKD", letter)[0]
    return next((width for letters, width in _LETTER_WIDTHS if base in letters), _WIDEST_LETTER)
