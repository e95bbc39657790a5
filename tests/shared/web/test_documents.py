from __future__ import annotations

import pytest

from shared.export import DocumentFile
from shared.web.documents import can_be_shown, response

HOSTILE = b"<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("content_type", "active", "shown_as"),
    [
        ("application/pdf", False, "application/pdf"),
        ("application/pdf", True, None),
        ("image/jpeg", False, "image/jpeg"),
        ("image/jpg", False, "image/jpeg"),
        ("image/png", False, "image/png"),
        ("image/tiff", False, None),
        ("text/html", False, None),
        ("text/plain", False, None),
        ("application/xml", False, None),
        ("application/msword", False, None),
        ("image/svg+xml", False, None),
        ("text/html\r\nSet-Cookie: a=b", False, None),
        ("", False, None),
    ],
)
def test_a_browser_shows_only_pdfs_and_pictures_in_which_nothing_runs(
    content_type: str, active: bool, shown_as: str | None
) -> None:
    answer = response(DocumentFile("02-attachment.bin", content_type, HOSTILE, active))

    assert can_be_shown(content_type, active=active) == (shown_as is not None)
    assert answer.headers["content-type"] == (shown_as or "application/octet-stream")
    assert answer.headers["content-disposition"].partition(";")[0] == ("inline" if shown_as else "attachment")
    assert answer.body == HOSTILE
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none';")
    # a sandboxed document under another value is a network error in the HTML standard
    assert answer.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert "set-cookie" not in answer.headers


def test_whatever_can_be_shown_can_be_downloaded_instead() -> None:
    answer = response(DocumentFile("01-report.pdf", "application/pdf", b"%PDF-", active=False), download=True)

    assert answer.headers["content-disposition"] == 'attachment; filename="01-report.pdf"'
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("name", ["", 'a".pdf', "a\r\nX: y", "../../etc/passwd", ".hidden", "Smith.pdf\n", "ä.pdf"])
def test_a_name_that_is_not_one_of_ours_never_gets_into_a_header(name: str) -> None:
    with pytest.raises(ValueError, match="a name of ours only"):
        response(DocumentFile(name, "application/pdf", b"%PDF-", active=False))
