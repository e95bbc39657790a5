"""Hands mail in to a server, over TLS that is verified; every failure is a MailFailed in words without content."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from threading import Timer
from typing import Any

from shared.errors import MailFailed
from shared.smtp import Protection, SmtpServer

# together well under the time that a service manager gives a daemon to end
_ANSWER_WITHIN = 10.0
DONE_WITHIN = 40.0
"""Seconds after which a connection is cut, whatever was reached."""


@dataclass(frozen=True)
class Mailer:
    """A mail server and how to get in. ``ca_file`` signs its certificate, else the machine's own authorities do."""

    server: SmtpServer
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def send(self, message: EmailMessage) -> int:
        """Hand ``message`` in; return how many recipients the server refused, never all of them.

        Raises MailFailed when nobody gets it, or when that is not certain.
        """
        with self._connected() as client:
            return len(client.send_message(message))

    def probe(self) -> None:
        """Go as far as a mail would begin. Raises MailFailed."""
        with self._connected() as client:
            client.noop()

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        try:
            with closing(self._connect()) as client:
                self._protect(client)
                if self.server.user is not None:
                    client.login(self.server.user, self.password or "")
                yield client
                # what the server took it has, however it says goodbye
                with suppress(smtplib.SMTPException, OSError):
                    client.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise MailFailed(f"mail server {self.server}: {_words(error)}") from None

    def _connect(self) -> smtplib.SMTP:
        host, port = self.server.host, self.server.port
        if self.server.protection is Protection.TLS:
            return _TlsClient(host, port, timeout=_ANSWER_WITHIN, context=self._context())
        return _Client(host, port, timeout=_ANSWER_WITHIN)

    def _protect(self, client: smtplib.SMTP) -> None:
        client.ehlo_or_helo_if_needed()
        if self.server.protection is Protection.STARTTLS:
            client.starttls(context=self._context())
            client.ehlo()

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class _Client(smtplib.SMTP):
    """Cuts its connection when all together takes too long: a server may answer often and never come to an end."""

    _timer: Timer | None = None

    def connect(self, *args: Any, **more: Any) -> tuple[int, bytes]:
        self._timer = Timer(DONE_WITHIN, self._cut)
        self._timer.daemon = True
        self._timer.start()
        try:
            return super().connect(*args, **more)
        except BaseException:
            self._timer.cancel()
            raise

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().close()

    def _cut(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _TlsClient(_Client, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


def _words(error: Exception) -> str:
    """Return what went wrong in our words: a server's may quote what it was sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refuses the user or the password ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = ", ".join(sorted({str(code) for code, _ in error.recipients.values()}))
        return f"it refuses every recipient ({codes})"
    if isinstance(error, smtplib.SMTPSenderRefused):
        return f"it refuses the sender's address ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answers {error.smtp_code}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it offers no STARTTLS, or no login, as SMTP_URL wants"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "no TLS connection could be made"
    # smtplib tells a pause in the answer as an end of the connection
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "it does not answer in time"
    return f"it cannot be reached, or broke off ({type(error).__name__})"
