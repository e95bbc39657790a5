"""Odd values and odd documents that mutations put where something decent stood."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from base64 import b64encode
from functools import cache
from random import Random

from tests.fuzz.specimens import BORN, CANARY, FAMILY, LEFT, NOTE, REGISTERED, UNKNOWN

SHORT = (
    *("", " ", "\t\n", "None", "null", "true", "FALSE", "0", "-1", "1e400", "9" * 400, "NaN", "0x10", "1.0"),
    *("0000-00-00", "9999-12-31T23:59:60Z", "2026-02-30", "2026-11-20T25:00:00Z", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "2026-11-20T21:25:00+99:99", "2026-11-20", "2026", "20-11-2026", BORN.isoformat()),
    *("urn:uuid:", "urn:uuid:00000000-0000-4000-8000-000000000000", "Patient/1", "#contained", "http://[::bad"),
    *(CANARY, FAMILY, REGISTERED, LEFT, UNKNOWN, "9690937279", "969 093 7278", "٩٦٩٠٩٣٧٢٧٨"),
    *("../../../etc/passwd", "%s%n%x", "${jndi:ldap://x}", "' OR 1=1 --", "<script>alert(1)</script>", "&amp;&lt;"),
    *(
        "\u202exyz",
        "\u2028",
        "e\u0301" * 40,
        "\U0001f9ec",
        "\u00a0",
        "\ufffd",
        "ẞ",
        "İ",
        "ﬃ",
        "\u200b",
        "\uff46\uff55\uff4c\uff4c",
    ),
    *("regular", "routine", "urgent", "draft", "official", "usual", "FA", "FI", "message", "collection", "20013"),
    *("application/pdf", "text/html", "application/x-msdownload", "image/jpeg; a=b", "A81001", "B82002", "b82002 "),
    *("ITK007C", "ITK008M", "Federated Consultation Report", "Version 0", "Version 999999999", "Version: 2"),
)
"""Values that belong to another element, to another type or to nothing."""

_PDF_HEAD = b"%PDF-1.7\n"


def odd(rng: Random) -> str:
    """Return an odd value, now and then a very long one."""
    kind = rng.random()
    if kind < 0.80:
        return rng.choice(SHORT)
    if kind < 0.90:
        return rng.choice(SHORT) * rng.randint(2, 40)
    if kind < 0.97:
        return "".join(chr(rng.choice((rng.randint(32, 0x2FF), rng.randint(0x370, 0xD7FF)))) for _ in range(20))
    return rng.choice(("x", "é", "\u4e2d", " ", "9", CANARY)) * rng.randint(1_000, 60_000)


def base64(rng: Random) -> str:
    """Return a document as base64, whole or broken."""
    text = b64encode(rng.choice(documents())).decode()
    place = rng.randrange(len(text))
    return rng.choice(
        (
            text,
            text[: rng.randrange(len(text))],
            text.rstrip("=") + "=" * rng.randint(0, 5),
            text[:place] + rng.choice("*é-_%\u2028") + text[place:],
            text[:place] + "=" + text[place:],
            "\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
            text.replace("+", "-").replace("/", "_"),
            b64encode(text.encode()).decode(),
            "=" * rng.randint(1, 8),
            "data:application/pdf;base64," + text,
        )
    )


@cache
def documents() -> tuple[bytes, ...]:
    """Return documents that are no document, or that grow without end in whoever opens them."""
    zeros = bytes(2_000_000)
    return (
        b"", b"\x00",
        NOTE.encode(), b"%PDF-", b"\xff\xd8\xff", b"\x7fELF\x02\x01", b"MZ\x00", b"#!/bin/sh\n", b"{\\rtf",
        _pdf(f"<< /Length {len(zlib.compress(zeros))} /Filter /FlateDecode >>", zlib.compress(zeros)),
        _pdf("<< /Filter [/FlateDecode /FlateDecode] >>", zlib.compress(zlib.compress(zeros))),
        _pdf("<< /Type /Pages /Kids [1 0 R] /Parent 1 0 R /Count 2147483647 >>"),
        _pdf("[" * 50_000 + "]" * 50_000),
        _pdf("<< /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>"),
        _PDF_HEAD + b"xref\n0 4294967295\ntrailer << /Prev 9 >>\nstartxref\n9\n%%EOF",
        _zip({"word/document.xml": zeros}), _zip({"../../etc/passwd": b"x"}), gzip.compress(zeros),
        b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + b"\x7f\xff\xff\xff" * 2,
        b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>", b"II*\x00" + b"\xff" * 64,
    )  # fmt: skip


def _pdf(dictionary: str, stream: bytes = b"") -> bytes:
    content = b"\nstream\n" + stream + b"\nendstream" if stream else b""
    return _PDF_HEAD + b"1 0 obj\n" + dictionary.encode() + content + b"\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF"


def _zip(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()
