"""Mutations that know nothing of what they change, other encodings, and bodies that are bombs."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from random import Random

import httpx

from shared.itk3.element import MAX_DEPTH
from tests.fuzz.specimens import CANARY

_TOKENS = (
    *(b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"<", b">", b"&", b'"', b"]]>", b"<!--", b"-->", b"<![CDATA["),
    *(b"<?xml version='1.1'?>", b"&#0;", b"&#x110000;", b"&#xD800;", b"&lol;", b"&#10;", b"</Bundle>", b"<Bundle>"),
    *(b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"{", b"}", b"[", b"\\u0000", b"1e999", b"\x1b", b"\r"),
    *(CANARY.encode(), f"<{CANARY}/>".encode(), f" {CANARY}='x'".encode()),
)
_PIECE = 65_536
_NS = b'<Bundle xmlns="http://hl7.org/fhir">'


def mutate(rng: Random, body: bytes, times: int) -> bytes:
    """Change bytes so many times: flip, insert, delete, repeat, move, cut off."""
    content = bytearray(body)
    for _ in range(times):
        at = rng.randrange(len(content) + 1)
        length = rng.choice((1, 1, 2, 4, 16, 200))
        kind = rng.randrange(7)
        if kind == 0 and at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(content):
            content[at] = rng.randrange(256)
        elif kind == 2:
            content[at:at] = rng.choice(_TOKENS)
        elif kind == 3:
            del content[at : at + length]
        elif kind == 4:
            content[at:at] = content[at : at + length] * rng.choice((1, 2, 50))
        elif kind == 5:
            piece = content[at : at + length]
            del content[at : at + length]
            place = rng.randrange(len(content) + 1)
            content[place:place] = piece
        elif rng.random() < 0.2:
            del content[at:]
    return bytes(content)


def encode(rng: Random, xml: bytes) -> bytes:
    """Write the XML in another encoding, declared truly, wrongly or not at all."""
    text = xml.decode("utf-8", "replace")
    text = text.partition("?>")[2].lstrip() if text.startswith("<?xml") else text
    name = rng.choice(
        ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp037", "utf-7", "shift_jis")
    )
    declared = rng.choice((name, name, name, "UTF-8", "UTF-16", "ISO-8859-1", "no-such", "", CANARY))
    mark = f"<?xml version='{rng.choice(('1.0', '1.0', '1.1'))}' encoding='{declared}'?>" if declared else ""
    return (mark + text).encode(name, "xmlcharrefreplace")


class Wire(httpx.SyncByteStream):
    """Bytes that come in pieces, as a connection gives them."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        return (self._content[at : at + _PIECE] for at in range(0, len(self._content), _PIECE))


def _entities(head: str) -> bytes:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    return f'<!DOCTYPE Bundle [<!ENTITY e0 "{CANARY}">{levels}{head}]><Bundle value="&e11;"/>'.encode()


def attributes(number: int) -> bytes:
    """Return an element with so many attributes."""
    # written piece by piece: a list of them would take more memory than what is tried
    file = io.BytesIO()
    file.write(b"<Bundle")
    for at in range(number):
        file.write(b" a%d='x'" % at)
    return file.getvalue() + b"/>"


def _zip_of_zeros() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("message.xml", bytes(20_000_000))
    return file.getvalue()


SMALL: tuple[Callable[[Random], bytes], ...] = (
    *(lambda _: b"", lambda _: b" \n\t", lambda _: CANARY.encode(), lambda _: b"%PDF-1.7", lambda _: b"null"),
    lambda rng: rng.randbytes(rng.randint(1, 5_000)),
    lambda _: _entities(""),
    lambda _: _entities('<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd">%p;'),
    lambda _: b'<!DOCTYPE Bundle SYSTEM "file:///etc/passwd"><Bundle/>',
    lambda _: b'<x xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="/etc/passwd" parse="text"/></x>',
    lambda rng: _NS + b"<a>" * rng.choice((MAX_DEPTH - 1, MAX_DEPTH, 300, 50_000)),
    lambda rng: _NS + b"<a/>" * rng.choice((49_000, 51_000)) + b"</Bundle>",
    lambda _: attributes(20_000),
    lambda _: b'{"resourceType": "Bundle", "a": ' + b"[" * 50_000,
    lambda _: b'{"resourceType": "Bundle", "a": [' + b"1," * 49_000 + b"1]}",
    lambda _: b'{"resourceType": "Bundle", "a": ' + b"9" * 100_000 + b"}",
    lambda _: b'{"a": ' * 50_000,
)
"""Small bodies that are no message, by what makes them."""

_WIDE = b"x" * 19_900_000 + "\U0001f9ec".encode()  # one such letter, and Python takes four bytes for each

LARGE: tuple[Callable[[Random], bytes], ...] = (
    lambda _: _NS + b"<id value='" + b"x" * 19_000_000 + b"'/></Bundle>",
    lambda _: _NS + b"<id value='" + b"&amp;" * 3_900_000 + b"'/></Bundle>",
    lambda _: _NS + b"<a>" * 6_000_000,
    lambda _: _NS + b"<!--" + b"-x" * 9_000_000 + b"--></Bundle>",
    lambda _: attributes(1_200_000),
    lambda _: b'{"resourceType": "Bundle", "a": "' + b"\\u0041" * 3_000_000 + b'"}',
    lambda _: b'{"resourceType": "Bundle", "a": [' + b"[]," * 6_000_000 + b"1]}",
    lambda _: b'{"resourceType": "Bundle", "a": "' + b"x" * 19_000_000,
    lambda _: _NS + b"<a/>" * 5_500_000,
    lambda _: _NS + b"<?a?>" * 3_900_000,
    lambda _: _NS + b"<!---->" * 2_800_000,
    lambda _: _NS + b"<![CDATA[]]>" * 1_600_000,
    lambda _: _NS + b"&#65;" * 3_900_000,
    lambda _: b"<" + b"x" * 19_500_000,
    lambda _: _NS + b"<a b='" * 3_000_000,
    lambda _: b'{"resourceType": "Bundle", "' + b"x" * 19_000_000 + b'": 1}',
    lambda _: b'{"resourceType": "Bundle", "id": "' + _WIDE + b'"}',
    lambda _: b'{"resourceType": "Bundle", "id": "' + _WIDE,
    lambda _: _NS + b"<id value='" + _WIDE + b"'/></Bundle>",
    lambda _: bytes(20_500_000),
    lambda rng: rng.randbytes(1_000_000) * 19,
    lambda _: ("<Bundle>" + "\U0001f9ec" * 4_900_000).encode(),
)
"""Bodies about as large as a message may be, or a little larger."""


@cache
def zipped_bombs() -> tuple[bytes, ...]:
    """Return bodies as they travel with ``Content-Encoding: gzip``: small there, large or endless when unpacked."""
    packer = zlib.compressobj(9, wbits=31)
    long = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    return (
        long,
        gzip.compress(_NS) + long,
        gzip.compress(b"") * 99_000,
        gzip.compress(gzip.compress(bytes(20_000_000))),
        gzip.compress(_zip_of_zeros()),
        gzip.compress(_NS + b"<a/>" * 10_000_000),
    )
