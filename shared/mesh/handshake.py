"""The handshake: proves mailbox, secrets and certificate to MESH without creating anything, once a day."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx

from shared.clock import Clock
from shared.errors import MeshForbidden, MeshProtocolError, MeshRefused
from shared.mesh import problems
from shared.mesh.account import MeshAccount
from shared.mesh.certificates import expiries
from shared.mesh.connection import CLIENT_VERSION, Connection
from shared.mesh.observer import Observer

_EVERY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Handshake:
    """Makes the handshakes of one mailbox, whose path is ``mailbox``."""

    account: MeshAccount
    mailbox: str
    clock: Clock
    observer: Observer

    def make_daily(self, connection: Connection) -> None:
        """Make one unless ``connection`` had one within a day; threads that come meanwhile wait for it.

        Before anything is created: without a certificate MESH breaks off only after it has read the request.
        """
        with connection.handshaking:
            at = connection.shaken_at
            if at is None or not timedelta(0) <= self.clock() - at < _EVERY:
                self.make(connection)

    def make(self, connection: Connection) -> None:
        """Make one now. Raises MeshForbidden for whatever but a good answer and a passing trouble."""
        connection.shaken_at = None
        self.observer.certificates_expire(expiries(self.account))
        headers = {
            "Mex-ClientVersion": CLIENT_VERSION,
            "Mex-OSName": platform.system() or "unknown",
            "Mex-OSVersion": platform.release() or "unknown",
            "Mex-OSArchitecture": platform.machine() or "unknown",
        }
        try:
            answer = connection.ask("POST", self.mailbox, headers=headers)
        except (MeshRefused, MeshProtocolError) as error:
            raise MeshForbidden(f"handshake: {error}") from error
        if answer.status != httpx.codes.OK:
            raise problems.account_failure(answer, "handshake")
        connection.shaken_at = self.clock()
