"""What a mailbox of folders tells of while it works, so that it need know neither log nor database."""

from __future__ import annotations

from datetime import datetime


class FolderObserver:
    """Is told and does nothing; override what matters. Its methods must not raise, and threads call them at once."""

    def answered(self) -> None:
        """Hear that the folders are there and can be used."""

    def handed_over(self, local_id: str) -> None:
        """Hear that a message lies in OUT, for the MESH client to take."""

    def waiting_since(self, at: datetime | None) -> None:
        """Hear since when the oldest message lies in OUT, or ours in TEMP; None when there is none."""
