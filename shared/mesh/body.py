"""The body of an answer: decompressed bit by bit, checked to its end, and never more than was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from shared.errors import MeshProtocolError

_GZIP: Final = zlib.MAX_WBITS | 16
_STEP: Final = 65_536


def read_body(chunks: Iterable[bytes], content_encoding: str, limit: int) -> tuple[bytes, bool]:
    """Return the decoded body, and whether it went on beyond ``limit`` bytes (then only its beginning is returned).

    Raises MeshProtocolError when it is corrupt, cut short or encoded as we did not ask for.
    """
    body = bytearray()
    for piece in _decoded(chunks, content_encoding.strip().lower()):
        body += piece
        if len(body) > limit:
            return bytes(body[:limit]), True
    return bytes(body), False


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterable[bytes]:
    if encoding in ("", "identity"):
        return chunks
    if encoding in ("gzip", "x-gzip"):
        return _unzipped(chunks)
    raise MeshProtocolError("the answer of MESH is in an encoding that was not asked for")


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield small pieces, so that a few bytes cannot fill the memory; several members may follow each other."""
    inflate, started = zlib.decompressobj(_GZIP), False
    try:
        for chunk in chunks:
            pending = chunk
            while pending:
                started = True
                if inflate.eof:
                    inflate = zlib.decompressobj(_GZIP)
                yield inflate.decompress(pending, _STEP)
                pending = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error:
        raise MeshProtocolError("the answer of MESH is corrupt gzip") from None
    if started and not inflate.eof:
        raise MeshProtocolError("the answer of MESH is gzip that ends too early")
