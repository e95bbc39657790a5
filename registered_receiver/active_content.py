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
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
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
    if kind is Kind.PDF:
        # a name in a PDF may be written with escapes
        data = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data)
    return signature.search(data) is not None
