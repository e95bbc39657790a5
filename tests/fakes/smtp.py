"""A real mail server on loopback that keeps what it was given and can be told to refuse."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "alerts@alder.example", "tuesday"


@dataclass
class Delivered:
    """One mail as the server took it."""

    sender: str
    recipients: list[str]
    content: bytes
    was_encrypted: bool

    @property
    def message(self) -> EmailMessage:
        return cast(EmailMessage, message_from_bytes(self.content, policy=policy.default))

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """Start it with ``start()``; it keeps its port when it is stopped and started again."""

    implicit_tls: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    wants_login: bool = False
    refused_recipients: set[str] = field(default_factory=set)
    refused_senders: set[str] = field(default_factory=set)
    answers_to_data: list[str] = field(default_factory=list)
    mails: list[Delivered] = field(default_factory=list)
    port: int = 0
    _controller: Controller | None = None

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        login: dict[str, Any] = {}
        if self.wants_login:
            encrypted = self.implicit_tls or self.starttls
            login = {
                "authenticator": self._authenticate,
                "auth_required": True,
                # aiosmtpd sees STARTTLS only, not that the connection was encrypted from the first byte
                "auth_require_tls": encrypted is not None and self.implicit_tls is None,
            }
        self._controller = _Controller(
            listener, self, port=self.port, ssl_context=self.implicit_tls, tls_context=self.starttls, **login
        )
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
        self._controller = None

    # What aiosmtpd asks.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused_senders:
            return "553 not from here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused_recipients:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers_to_data.pop(0) if self.answers_to_data else "250 OK"
        if answer.startswith("2"):
            encrypted = session.ssl is not None or self.implicit_tls is not None
            content = cast(bytes, envelope.content)
            self.mails.append(Delivered(envelope.mail_from or "", list(envelope.rcpt_tos), content, encrypted))
        return answer

    def _authenticate(self, server: SMTP, session: Session, envelope: Envelope, how: str, given: Any) -> AuthResult:
        good = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        # "not handled" leaves the answer to a wrong password to aiosmtpd
        return AuthResult(success=good, handled=good)


class _Controller(Controller):
    """aiosmtpd's own, but for a port that the system chose."""

    def __init__(self, listener: socket.socket, handler: MailServer, **more: Any) -> None:
        self._listener = listener
        super().__init__(handler, hostname="127.0.0.1", loop=asyncio.new_event_loop(), **more)

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener, ssl=self.ssl_context)
