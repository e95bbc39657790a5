"""Which types of document are taken, and whether the bytes are what the type says (decisions 20 and 29).

Only signatures are looked at; nothing is parsed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """A family of document types."""

    PDF = "PDF"
    WORD = "Word"
    RTF = "RTF"
    HTML = "HTML"
    PLAIN = "plain text"
    XML = "XML"
    JPEG = "JPEG"
    PNG = "PNG"
    TIFF = "TIFF"
    PROGRAM = "program"


_TEXT: Final = frozenset({Kind.HTML, Kind.PLAIN, Kind.XML})

# the guides misspell some: those names are taken too, and never sent
_TYPES: Final = {
    "application/pdf": Kind.PDF,
    "application/msword": Kind.WORD,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": Kind.WORD,
    "application/rtf": Kind.RTF,
    "text/rtf": Kind.RTF,
    "application/mswrtford": Kind.RTF,
    "text/html": Kind.HTML,
    "text/plain": Kind.PLAIN,
    "text/xml": Kind.XML,
    "application/xml": Kind.XML,
    "image/jpeg": Kind.JPEG,
    "image/jpg": Kind.JPEG,
    "image/png": Kind.PNG,
    "image/tiff": Kind.TIFF,
    "image/tif": Kind.TIFF,
}

_SIGNATURES: Final = (
    (b"%PDF-", Kind.PDF),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.WORD),
    (b"PK\x03\x04", Kind.WORD),
    (b"{\\rtf", Kind.RTF),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
    (b"\x7fELF", Kind.PROGRAM),
    (b"#!", Kind.PROGRAM),
    (b"\xfe\xed\xfa", Kind.PROGRAM),
    (b"\xcf\xfa\xed\xfe", Kind.PROGRAM),
    (b"\xca\xfe\xba\xbe", Kind.PROGRAM),
)


def bare_type(content_type: str | None) -> str:
    """Return a MIME type without parameters in small letters, empty when there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def kind_of_type(content_type: str | None) -> Kind | None:
    """Return the family of a MIME type (parameters and case do not count); None when it is not taken."""
    return _TYPES.get(bare_type(content_type))


def kind_of_bytes(data: bytes) -> Kind | None:
    """Return the family whose signature ``data`` starts with; None when it carries none that is known."""
    # a DOS header has zeros; a letter that begins with MZ has none
    if data.startswith(b"MZ") and b"\x00" in data[:64]:
        return Kind.PROGRAM
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), None)


def bytes_fit(kind: Kind, data: bytes) -> bool:
    """Say whether ``data`` may be of ``kind``: no other family's signature, and no NUL in a text."""
    found = kind_of_bytes(data)
    if kind in _TEXT:
        return found is None and b"\x00" not in data
    return found in (None, kind)
