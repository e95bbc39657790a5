"""What the daemons ask of a mailbox on MESH, however it is reached: by the API, or by NHS England's own client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.mesh.certificates import Expiry
from shared.mesh.messages import (
    IncomingMessage,
    LocalIdTracking,
    MessageHeaders,
    OutgoingMessage,
    Tracking,
    Wanted,
    whatever_it_is,
)


class MeshMailbox(Protocol):
    """One mailbox. What each method promises stands with ``MeshClient``, where all of it can be had.

    Each raises the MeshErrors that are named there; ``send`` raises MeshPending, too, where MESH takes a message
    later than it is handed over.
    """

    def close(self) -> None:
        """Let go of whatever is open."""

    def handshake(self) -> None:
        """Prove, without creating anything, that messages can go and come."""

    def shake_hands_daily(self) -> None:
        """Do what MESH asks to be done before each round through the inbox."""

    def certificate_expiries(self) -> Sequence[Expiry]:
        """Return when the certificates end that are used here."""

    def send(self, message: OutgoingMessage) -> str:
        """Bring ``message`` to MESH once and return the id that MESH gave it."""

    def resume(self, message: OutgoingMessage, message_id: str) -> str:
        """Continue an upload of which chunks are missing."""

    def number_of_chunks(self, message: OutgoingMessage) -> int:
        """Return in how many chunks ``message`` goes."""

    def list_inbox(self, workflow_filter: str | None = None) -> list[str]:
        """Return the ids of what waits in the inbox."""

    def head(self, message_id: str) -> MessageHeaders:
        """Return what a message in the inbox is."""

    def download(self, message_id: str, max_bytes: int, wanted: Wanted = whatever_it_is) -> IncomingMessage:
        """Return a message with at most ``max_bytes`` of its body, and with none unless it is ``wanted``."""

    def acknowledge(self, message_id: str) -> None:
        """Let go of a message in the inbox, which is stored by now."""

    def track(self, message_id: str) -> Tracking:
        """Return what became of a message that we sent."""

    def track_local_id(self, local_id: str) -> LocalIdTracking:
        """Return whether MESH took a message with this local id of ours."""
