"""Whether a document carries something that runs when it is opened: told by signatures alone, nothing is parsed.

It is a warning to people, not a scanner: what is compressed or encrypted inside a document is not seen.
"""

from __future__ import annotations

import re
from typing import Final

from shared.itk3.attachments import Kind, kind_of_type

_PDF: Final = re.compile(
    rb"/(?:JavaScript|Launch|OpenAction|RichMedia|XFA)(?![A-Za-z0-9])"
    # so short a name stands in compressed data by chance: what follows must fit, too
    rb"|/(?:JS|AA)\s*(?:[(<\[]|\d+ \d+ R)"
)
# a name in a PDF may be written with escapes; hardly anybody does
_ESCAPED_NAME: Final = re.compile(rb"/[A-Za-z0-9]{0,20}#[A-Za-z0-9#]{2,60}")
_ESCAPE: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_NAMES: Final = frozenset({b"/JavaScript", b"/Launch", b"/OpenAction", b"/RichMedia", b"/XFA", b"/JS", b"/AA"})
_MOST_ESCAPED: Final = 10_000
_MARKUP: Final = re.compile(
    rb"<(?:[a-z]+:)?(?:script|iframe|object|embed|applet)\b|javascript:|<[^<>]*[\s/\"']on[a-z]+\s*=", re.IGNORECASE
)
# the part of a zip archive, and the stream of an older file, that hold a document's macros
_WORD: Final = re.compile(rb"vbaProject\.bin|_VBA_PROJECT|_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0", re.IGNORECASE)
_RTF: Final = re.compile(rb"\\obj(?:data|update|autlink)\b")
_SIGNATURES: Final = {
    Kind.PDF: _PDF,
    Kind.WORD: _WORD,
    Kind.RTF: _RTF,
    Kind.HTML: _MARKUP,
    Kind.XML: _MARKUP,
}


def has_active_content(content_type: str, data: bytes) -> bool:
    """Say whether ``data`` has the marks of a script, a macro, an embedded program or an action on opening."""
    kind = kind_of_type(content_type)
    signature = _SIGNATURES.get(kind) if kind is not None else None
    if signature is None:
        return False
    if kind is Kind.PDF and _hides_a_name(data):
        return True
    return signature.search(data) is not None


def _hides_a_name(data: bytes) -> bool:
    """Say whether a telling name is written with escapes, or so many are that nobody could have a good reason."""
    for number, found in enumerate(_ESCAPED_NAME.finditer(data)):
        name = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), found[0])
        if name in _NAMES or number >= _MOST_ESCAPED:
            return True
    return False
