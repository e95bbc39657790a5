"""The body of an answer: decompressed bit by bit, checked to its end, and never more than was asked for."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Final

from shared.errors import MeshProtocolError

_GZIP: Final = zlib.MAX_WBITS | 16
_STEP: Final = 65_536
_PIECE: Final = 4_096
# each takes a microsecond or two, and a million of nothing are no honest answer
_MOST_MEMBERS: Final = 100_000
# what gzip adds to bytes that it cannot make fewer, and what arrives at once
_OVERHEAD: Final = 100_000


def _always(_headers: Mapping[str, str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Sink:
    """A file that takes at most so many bytes of a body, ``most``, when by its headers that is ``wanted`` at all."""

    file: IO[bytes]
    most: int
    wanted: Callable[[Mapping[str, str]], bool] = _always


def copy_body(chunks: Iterable[bytes], content_encoding: str, limit: int, into: IO[bytes]) -> bool:
    """Write the decoded body into ``into``; say whether it went on beyond ``limit`` bytes (no more is written).

    Raises MeshProtocolError when it is corrupt, cut short, encoded as we did not ask for, or longer on the way than
    its content can ever be.
    """
    room = limit
    for piece in _decoded(_no_longer_than(limit + limit // 100 + _OVERHEAD, chunks), content_encoding.strip().lower()):
        into.write(piece[:room])
        room -= len(piece)
        if room < 0:
            return True
    return False


def read_body(chunks: Iterable[bytes], content_encoding: str, limit: int) -> tuple[bytes, bool]:
    """Return the decoded body and whether it went on beyond ``limit`` bytes, as ``copy_body`` does."""
    body = io.BytesIO()
    truncated = copy_body(chunks, content_encoding, limit, body)
    return body.getvalue(), truncated


def _no_longer_than(most: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass the bytes on as they came; gzip of nothing, over and over, has no end otherwise."""
    for chunk in chunks:
        most -= len(chunk)
        yield chunk
        if most < 0:
            raise MeshProtocolError("the answer of MESH is longer than its content")


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterable[bytes]:
    if encoding in ("", "identity"):
        return chunks
    if encoding in ("gzip", "x-gzip"):
        return _unzipped(chunks)
    raise MeshProtocolError("the answer of MESH is in an encoding that was not asked for")


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield little at a time: after each of thousands of tiny members zlib copies all that it has not read."""
    for chunk in chunks:
        yield from (chunk[at : at + _PIECE] for at in range(0, len(chunk), _PIECE))


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield small pieces, so that a few bytes cannot fill the memory; several members may follow each other."""
    inflate, started, members = zlib.decompressobj(_GZIP), False, 1
    try:
        for pending in _pieces(chunks):
            while pending:
                started = True
                if inflate.eof:
                    inflate, members = zlib.decompressobj(_GZIP), members + 1
                if members > _MOST_MEMBERS:
                    raise MeshProtocolError("the answer of MESH is gzip of too many parts")
                yield inflate.decompress(pending, _STEP)
                pending = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error:
        raise MeshProtocolError("the answer of MESH is corrupt gzip") from None
    if started and not inflate.eof:
        raise MeshProtocolError("the answer of MESH is gzip that ends too early")
