"""The address of a mail server as ``SMTP_URL`` gives it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit


class Protection(StrEnum):
    """How the connection is protected."""

    TLS = "TLS"
    """From the first byte: ``smtps``."""
    STARTTLS = "STARTTLS"
    """After the greeting, or not at all: without it nothing is sent."""
    NONE = "no TLS"
    """Plain, which only this machine may be told."""


_PORTS = {Protection.TLS: 465, Protection.STARTTLS: 587, Protection.NONE: 25}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed in. ``user`` is None when the server wants no password."""

    host: str
    port: int
    protection: Protection
    user: str | None

    def __str__(self) -> str:
        return f"{self.host}:{self.port} ({self.protection})"


def smtp_server(url: str) -> SmtpServer:
    """Read ``smtps://user@host:465`` or ``smtp://user@host:587?starttls=required``; the ports may be left out.

    Plain ``smtp://`` is for this machine only. Raises ValueError with the rule that is broken, never with the value.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("smtps", "smtp") or not parts.hostname:
        raise ValueError("must begin with smtps:// or smtp:// and name a host")
    if parts.password is not None:
        raise ValueError("must not hold the password: that is SMTP_PASSWORD")
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError("must end behind host and port, but for ?starttls=required")
    protection = _protection(parts)
    if protection is Protection.NONE and not _is_this_machine(parts.hostname):
        raise ValueError("must be smtps:// or end with ?starttls=required: plain smtp is for this machine only")
    user = unquote(parts.username) if parts.username else None
    if user is not None and not user.isprintable():
        raise ValueError("has a user name that cannot be one")
    return SmtpServer(parts.hostname, port or _PORTS[protection], protection, user)


def _protection(parts: SplitResult) -> Protection:
    if parts.query not in ("", "starttls=required"):
        raise ValueError("may say ?starttls=required and nothing else")
    if parts.scheme == "smtps":
        if parts.query:
            raise ValueError("is smtps:// already, which needs no starttls")
        return Protection.TLS
    return Protection.STARTTLS if parts.query else Protection.NONE


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
