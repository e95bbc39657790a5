"""A body cut into chunks."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mesh import chunks
from shared.mesh.chunks import Chunks


def travelling(body: Chunks, number: int) -> bytes:
    with body.section(number) as section:
        sent = b"".join(section)
        assert section.size == len(sent)
        return sent


@given(st.binary(min_size=1, max_size=500), st.integers(1, 600), st.booleans())
def test_the_chunks_are_the_body_and_none_is_larger_than_agreed(body: bytes, size: int, zipped: bool) -> None:
    cut = Chunks(body, size, zipped, None)

    sent = [travelling(cut, number) for number in range(1, cut.total + 1)]
    plain = [gzip.decompress(each) for each in sent] if zipped else sent

    assert b"".join(plain) == body
    assert {len(each) for each in plain[:-1]} <= {size}
    assert 1 <= len(plain[-1]) <= size


@pytest.mark.parametrize(("size", "total"), [(9, 1), (10, 1), (11, 2), (20, 2), (21, 3)])
def test_only_a_body_over_the_size_goes_in_chunks(size: int, total: int) -> None:
    assert Chunks(bytes(size), 10, None, None).total == total


@pytest.mark.parametrize(
    ("size", "compress", "encoding"),
    [(9, None, None), (11, None, "gzip"), (9, True, "gzip"), (11, True, "gzip"), (9, False, None), (11, False, None)],
)
def test_what_goes_in_chunks_is_gzipped_unless_told_otherwise(
    size: int, compress: bool | None, encoding: str | None
) -> None:
    body = Chunks(bytes(size), 10, compress, None)

    assert {body.headers(number).get("Content-Encoding") for number in range(1, body.total + 1)} == {encoding}


def test_a_chunk_says_which_of_how_many_it_is_and_a_single_one_does_not() -> None:
    assert [Chunks(bytes(25), 10, False, None).headers(number) for number in (1, 3)] == [
        {"Mex-Chunk-Range": "1:3"},
        {"Mex-Chunk-Range": "3:3"},
    ]
    assert Chunks(bytes(10), 10, False, None).headers(1) == {}


def test_a_file_is_cut_as_it_lies_there_from_its_beginning() -> None:
    with TemporaryFile() as file:
        file.write(b"0123456789")
        body = Chunks(file, 4, False, None)

        assert [travelling(body, number) for number in (2, 1, 3, 1)] == [b"4567", b"0123", b"89", b"0123"]


def test_the_same_body_travels_as_the_same_bytes_every_time() -> None:
    first, again = (Chunks(b"some text " * 50, 200, True, None) for _ in range(2))

    assert [travelling(first, 2), travelling(first, 2)] == [travelling(again, 2)] * 2


def test_a_large_chunk_is_zipped_into_a_file_of_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "IN_MEMORY", 10)
    body = Chunks(bytes(range(256)) * 200, 100_000, True, str(tmp_path))

    assert gzip.decompress(travelling(body, 1)) == bytes(range(256)) * 200
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_shrank_meanwhile_ends_early_and_not_never() -> None:
    file = io.BytesIO(bytes(100))
    body = Chunks(file, 1000, False, None)
    file.truncate(40)

    with body.section(1) as section:
        assert sum(len(piece) for piece in section) == 40
