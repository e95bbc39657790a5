"""Reads the form of a request: plain fields, few and small. No page takes files."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from shared.web import connections
from shared.web.sessions import csrf_of

_LARGEST: Final = 64 * 1024
_MOST_FIELDS: Final = 50


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; raises HTTPException for anything else, for what is too large and too slow."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    try:
        async with asyncio.timeout(connections.PATIENCE):
            body = await _body(request)
    except TimeoutError:
        raise HTTPException(408) from None
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise HTTPException(400) from None
    # PostgreSQL keeps no NUL, and no person types one
    if any("\0" in text for field in fields for text in field):
        raise HTTPException(400)
    return dict(fields)


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise HTTPException(413)
    return body


def is_ours(form: Mapping[str, str], token: str) -> bool:
    """Say whether a form carries what only a page given to this browser has."""
    return hmac.compare_digest(form.get("csrf", "").encode(), csrf_of(token).encode())
