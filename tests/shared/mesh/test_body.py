"""Decompressing what MESH sends."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MeshProtocolError
from shared.mesh.body import read_body


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.binary(max_size=3000), st.integers(1, 700), st.sampled_from(["", "gzip", "x-gzip", "identity"]))
def test_the_body_arrives_whole_however_it_is_cut_and_encoded(data: bytes, size: int, encoding: str) -> None:
    sent = gzip.compress(data) if "gzip" in encoding else data

    assert read_body(in_pieces(sent, size), encoding, len(data)) == (data, False)


def test_several_gzip_members_are_one_body() -> None:
    sent = gzip.compress(b"one ") + gzip.compress(b"two")

    assert read_body([sent], " GZIP ", 100) == (b"one two", False)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_longer_than_asked_for_is_cut_and_says_so(encoding: str) -> None:
    data = bytes(200_000)
    sent = gzip.compress(data) if encoding else data

    assert read_body([sent], encoding, 70_000) == (data[:70_000], True)


def test_a_gzip_bomb_is_left_alone_after_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))

    body, truncated = read_body([bomb], "gzip", 1000)

    assert (len(body), truncated) == (1000, True)


def test_nothing_at_all_is_an_empty_body_even_when_announced_as_gzip() -> None:
    assert read_body([], "gzip", 10) == (b"", False)


@pytest.mark.parametrize(
    "sent",
    [
        gzip.compress(b"some text" * 100)[:-9],
        gzip.compress(b"some text" * 100)[:-1],
        gzip.compress(b"some text")[:-8] + b"12345678",
        b"not gzip at all",
        gzip.compress(b"one") + b"rubbish",
    ],
    ids=["cut in the data", "cut in the checksum", "wrong checksum", "no gzip", "rubbish behind"],
)
def test_gzip_that_is_corrupt_or_cut_short_is_never_taken_for_a_message(sent: bytes) -> None:
    with pytest.raises(MeshProtocolError):
        read_body([sent], "gzip", 10_000)


def test_an_encoding_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(MeshProtocolError):
        read_body([b"x"], "br", 10)


def test_gzip_of_nothing_over_and_over_is_given_up() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield gzip.compress(b"") * 100

    with pytest.raises(MeshProtocolError):
        read_body(endless(), "gzip", 10_000)


def test_what_gzip_cannot_make_smaller_arrives_all_the_same() -> None:
    data = random.Random(1).randbytes(300_000)

    assert read_body(in_pieces(gzip.compress(data), 65_536), "gzip", len(data)) == (data, False)
