"""Tells the service manager that started us how we are: systemd's notification protocol, sd_notify(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

_STATUS_LENGTH: Final = 200
# a service manager that does not read must not keep us from working, or from ending
_PATIENCE: Final = 5.0


class ServiceManager:
    """Whoever listens at ``NOTIFY_SOCKET``; when nobody does, nothing is told and nothing goes wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # a leading @ stands for the abstract name space of Linux
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_every = _watchdog(environ)

    def ready(self) -> None:
        """Say that the daemon works from here on."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Say that the daemon is not stuck; without this for ``WatchdogSec`` it is started anew."""
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in one line how things stand; it holds no patient data."""
        self._tell(f"STATUS={' '.join(text.split())[:_STATUS_LENGTH]}")

    def stopping(self) -> None:
        """Say that the daemon ends as it was asked to."""
        self._tell("STOPPING=1")

    def _tell(self, line: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_PATIENCE)
            channel.sendto(line.encode(), self._address)


def _watchdog(environ: Mapping[str, str]) -> timedelta | None:
    """Return half of what the service manager waits for a sign of life, None when it does not wait."""
    meant_for = environ.get("WATCHDOG_PID", "")
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or meant_for not in ("", str(os.getpid())):
        return None
    return timedelta(microseconds=int(microseconds)) / 2
