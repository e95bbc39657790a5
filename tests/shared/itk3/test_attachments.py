"""Types that are taken, and bytes that are what their type says."""

from __future__ import annotations

import pytest

from shared.itk3.attachments import Kind, bytes_fit, kind_of_bytes, kind_of_type

PDF, PNG, JPEG, RTF = b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"{\\rtf1"
DOC, DOCX, TIFF = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04", b"II*\x00"
EXE = b"MZ\x90\x00\x03"


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/pdf", Kind.PDF),
        ("Application/PDF; name=x.pdf", Kind.PDF),
        ("application/msword", Kind.WORD),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Kind.WORD),
        ("application/rtf", Kind.RTF),
        ("application/mswrtford", Kind.RTF),
        ("text/html", Kind.HTML),
        ("text/plain; charset=utf-8", Kind.PLAIN),
        ("text/xml", Kind.XML),
        ("image/jpeg", Kind.JPEG),
        ("image/jpg", Kind.JPEG),
        ("image/png", Kind.PNG),
        ("image/tiff", Kind.TIFF),
        ("image/tif", Kind.TIFF),
    ],
)
def test_a_type_is_taken_under_its_right_and_its_misspelled_names(content_type: str, kind: Kind) -> None:
    assert kind_of_type(content_type) is kind


@pytest.mark.parametrize("content_type", [None, "", "application/zip", "image/gif", "application/x-msdownload", "pdf"])
def test_any_other_type_is_not_taken(content_type: str | None) -> None:
    assert kind_of_type(content_type) is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        *((PDF, Kind.PDF), (PNG, Kind.PNG), (JPEG, Kind.JPEG), (RTF, Kind.RTF), (DOC, Kind.WORD)),
        *((DOCX, Kind.WORD), (TIFF, Kind.TIFF), (EXE, Kind.PROGRAM), (b"\x7fELF\x02", Kind.PROGRAM)),
        *((b"#!/bin/sh", Kind.PROGRAM), (b"Dear Dr", None), (b"MZ was seen today", None), (b"", None)),
    ],
)
def test_a_signature_tells_the_kind(data: bytes, kind: Kind | None) -> None:
    assert kind_of_bytes(data) is kind


@pytest.mark.parametrize(
    ("kind", "data", "fit"),
    [
        *((Kind.PDF, PDF, True), (Kind.PDF, PNG, False), (Kind.PDF, EXE, False), (Kind.PDF, b"unknown", True)),
        *((Kind.WORD, DOC, True), (Kind.WORD, DOCX, True), (Kind.WORD, RTF, False)),
        *((Kind.PLAIN, b"hello", True), (Kind.PLAIN, b"a\x00b", False), (Kind.PLAIN, PDF, False)),
        *((Kind.HTML, b"<html>", True), (Kind.XML, b"#!/bin/sh", False), (Kind.HTML, EXE, False)),
    ],
)
def test_bytes_must_not_carry_another_signature(kind: Kind, data: bytes, fit: bool) -> None:
    assert bytes_fit(kind, data) is fit
