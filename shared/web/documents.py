"""Gives a clinical document out so that whatever a sender put into it does nothing to whoever opens it."""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response

from shared.export import DocumentFile
from shared.itk3.attachments import Kind, kind_of_type

_SHOWN: Final = {Kind.PDF: "application/pdf", Kind.JPEG: "image/jpeg", Kind.PNG: "image/png"}
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
# an opaque origin: no script, no form, no request, nothing of our pages within reach
_POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'"


def can_be_shown(content_type: str, *, active: bool) -> bool:
    """Say whether a browser may show a document itself; anything else is a download."""
    return kind_of_type(content_type) in _SHOWN and not active


def response(document: DocumentFile, *, download: bool = False) -> Response:
    """Return a document: shown when it can be and no ``download`` was asked for.

    What is not shown goes out as plain bytes, so that no browser makes a page of it. The type in the answer is ours,
    never the sender's word. Raises ValueError for a name that is not one of ours (RFC 6266 needs no quoting then).
    """
    if not _SAFE_NAME.fullmatch(document.name):
        raise ValueError("a document goes out under a name of ours only")
    shown = not download and can_be_shown(document.content_type, active=document.active)
    kind = kind_of_type(document.content_type)
    media_type = _SHOWN[kind] if shown and kind is not None else "application/octet-stream"
    disposition = f'{"inline" if shown else "attachment"}; filename="{document.name}"'
    headers = {
        "Content-Disposition": disposition,
        "Content-Security-Policy": _POLICY,
        # HTML: a sandboxed document under same-origin is a network error
        "Cross-Origin-Opener-Policy": "unsafe-none",
    }
    return Response(document.data, media_type=media_type, headers=headers)
