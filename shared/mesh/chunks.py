"""A body on its way out: in one piece or in chunks, each gzipped on its own, never as a whole in memory."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Final

IN_MEMORY: Final = 1_000_000
"""The bytes of a body that are held in memory; what is larger lies in a temporary file."""
_STEP: Final = 65_536


class Section:
    """``size`` bytes of a file from ``start``; it may be read from again and again."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file = file
        self._start = start
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        position, end = self._start, self._start + self.size
        while position < end:
            self._file.seek(position)
            piece = self._file.read(min(_STEP, end - position))
            if not piece:
                return
            position += len(piece)
            yield piece


class Chunks:
    """``body`` in chunks of ``size`` bytes, the last one shorter; a small one is a single chunk.

    With ``compress`` None what needs several chunks is gzipped. The same body gives the same chunks every time:
    an upload that broke off is continued with them.
    """

    def __init__(self, body: bytes | IO[bytes], size: int, compress: bool | None, directory: str | None) -> None:
        self._file: IO[bytes] = io.BytesIO(body) if isinstance(body, bytes) else body
        self._length = self._file.seek(0, io.SEEK_END)
        self._size = size
        self._directory = directory
        self.total = max(-(-self._length // size), 1)
        self._zipped = self.total > 1 if compress is None else compress

    def headers(self, number: int) -> dict[str, str]:
        """Return what goes with chunk ``number`` beside the headers of the message; MESH counts from one."""
        headers = {"Content-Encoding": "gzip"} if self._zipped else {}
        if self.total > 1:
            headers["Mex-Chunk-Range"] = f"{number}:{self.total}"
        return headers

    @contextmanager
    def section(self, number: int) -> Iterator[Section]:
        """Give the bytes of chunk ``number`` as they travel."""
        start = (number - 1) * self._size
        plain = Section(self._file, start, min(self._size, self._length - start))
        if not self._zipped:
            yield plain
            return
        with SpooledTemporaryFile(IN_MEMORY, dir=self._directory) as file:
            # no time in it: what is sent again is the same
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as zipped:
                for piece in plain:
                    zipped.write(piece)
            yield Section(file, 0, file.tell())
