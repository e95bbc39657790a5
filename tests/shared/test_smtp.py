"""The address of the mail server."""

from __future__ import annotations

import pytest

from shared.smtp import Protection, SmtpServer, smtp_server


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtps://mail.example", SmtpServer("mail.example", 465, Protection.TLS, None)),
        ("smtps://a%40b.example@mail.example:4465", SmtpServer("mail.example", 4465, Protection.TLS, "a@b.example")),
        ("smtp://mail.example?starttls=required", SmtpServer("mail.example", 587, Protection.STARTTLS, None)),
        ("smtp://user@mail.example:25/?starttls=required", SmtpServer("mail.example", 25, Protection.STARTTLS, "user")),
        ("smtp://localhost", SmtpServer("localhost", 25, Protection.NONE, None)),
        ("smtp://127.0.0.1:2525", SmtpServer("127.0.0.1", 2525, Protection.NONE, None)),
        ("smtp://[::1]:2525", SmtpServer("::1", 2525, Protection.NONE, None)),
    ],
)  # fmt: skip
def test_what_an_address_says(url: str, expected: SmtpServer) -> None:
    assert smtp_server(url) == expected


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("mail.example:25", "must begin with smtps"),
        ("https://mail.example", "must begin with smtps"),
        ("smtps://", "name a host"),
        ("smtps://user:secret@mail.example", "SMTP_PASSWORD"),
        ("smtp://mail.example", "plain smtp is for this machine only"),
        ("smtp://mail.example?starttls=optional", "nothing else"),
        ("smtps://mail.example?starttls=required", "needs no starttls"),
        ("smtps://mail.example/inbox", "must end behind host and port"),
        ("smtps://mail.example#x", "must end behind host and port"),
        ("smtps://mail.example:x", "is not a URL"),
        ("smtps://us%0Aer@mail.example", "user name"),
    ],
)
def test_what_cannot_be_used_is_named_without_the_value(url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        smtp_server(url)

    assert "secret" not in str(caught.value)
