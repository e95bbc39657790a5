"""One mailbox by the folders of NHS England's MESH client, with the promises of the client of the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from shared.clock import Clock
from shared.errors import MeshGone, MeshPending
from shared.identifiers import MailboxId
from shared.mesh.certificates import Expiry
from shared.mesh.client import CHUNK_SIZE
from shared.mesh.headers import send_headers
from shared.mesh.messages import (
    IncomingMessage,
    LocalIdTracking,
    MessageHeaders,
    OutgoingMessage,
    Taken,
    Tracking,
    Wanted,
    whatever_it_is,
)
from shared.mesh_folder.folders import Folders
from shared.mesh_folder.inbox import Inbox
from shared.mesh_folder.items import Items
from shared.mesh_folder.observer import FolderObserver
from shared.mesh_folder.outbox import Outbox

RECEIPTS: Final = "mesh-handed-over"
"""The directory in the state directory that remembers what was handed over."""

_TIDY_EVERY: Final = timedelta(days=1)


class FolderClient:
    """The folders below ``root`` as a mailbox; a ``MeshMailbox``, as ``MeshClient`` is.

    MESH takes a message when the MESH client does: ``send`` hands it over and raises MeshPending, and
    ``track_local_id`` tells later. What folders cannot answer: ``track`` knows only that MESH took a message, and
    nothing shakes hands or compares clocks but the MESH client itself.
    """

    def __init__(
        self,
        mailbox_id: MailboxId,
        root: Path,
        clock: Clock,
        *,
        directory: Path,
        observer: FolderObserver | None = None,
    ) -> None:
        """Use the folders below ``root``; ``directory`` is our own, for receipts and large bodies."""
        self.mailbox_id = mailbox_id
        self._clock = clock
        self._folders = Folders(root)
        self._observer = observer or FolderObserver()
        self._outbox = Outbox(self._folders, directory / RECEIPTS, clock)
        self._inbox = Inbox(Items(self._folders, mailbox_id, clock, self._outbox.has_receipt), directory)
        self._tidied_at: datetime | None = None

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def handshake(self) -> None:
        """See that the folders are there and ours to use. Raises MeshUnreachable or MeshForbidden."""
        self._folders.require()
        self._observer.answered()

    def shake_hands_daily(self) -> None:
        """See that the folders are there, and for how long the MESH client has taken nothing."""
        self.handshake()
        self._observer.waiting_since(self._outbox.waiting_since())
        now = self._clock()
        if self._tidied_at is None or now - self._tidied_at >= _TIDY_EVERY:
            self._outbox.forget_old_receipts()
            self._tidied_at = now

    def certificate_expiries(self) -> Sequence[Expiry]:
        """Return nothing: the certificates are the MESH client's."""
        return ()

    def send(self, message: OutgoingMessage) -> str:
        """Hand ``message`` over once, and raise MeshPending: MESH takes it when the MESH client does.

        Raises MeshRefused for what no control file can carry, MeshUnavailable, MeshUnreachable or MeshForbidden when
        it was certainly not handed over, and MeshAmbiguous when that is not known.
        """
        headers = send_headers(message, self.mailbox_id)
        if self._outbox.look_up(message.local_id).taken is Taken.NEVER:
            large = self._size(message) > CHUNK_SIZE
            self._outbox.hand_over(message, headers, allow_chunking=large)
            self._observer.handed_over(message.local_id)
        self._observer.answered()
        raise MeshPending("it was handed over to the MESH client")

    def resume(self, message: OutgoingMessage, message_id: str) -> str:  # noqa: ARG002 - nothing to continue
        """Raise MeshGone: no upload is ever half done."""
        raise MeshGone("the MESH client uploads by itself")

    def number_of_chunks(self, message: OutgoingMessage) -> int:  # noqa: ARG002 - always the same
        """Return 1: what goes in chunks is the MESH client's affair."""
        return 1

    def list_inbox(self, workflow_filter: str | None = None) -> list[str]:
        """Return the ids of what was received and of what could not be sent, the oldest first.

        ``workflow_filter`` is a workflow, or the beginning of some and ``*``.
        """
        found = self._inbox.scan()
        self._observer.answered()
        if workflow_filter is None:
            return [item.message_id for item in found]
        return [item.message_id for item in found if item.headers and _passes(item.headers, workflow_filter)]

    def head(self, message_id: str) -> MessageHeaders:
        """Return what a message is. Raises MeshGone when it is not there, MeshProtocolError when it cannot be had."""
        return self._inbox.head(message_id)

    def download(self, message_id: str, max_bytes: int, wanted: Wanted = whatever_it_is) -> IncomingMessage:
        """Return a message with at most ``max_bytes`` of its body, if it is ``wanted``; raises what ``head`` raises."""
        return self._inbox.download(message_id, max_bytes, wanted)

    def acknowledge(self, message_id: str) -> None:
        """Remove the files of a message that is stored by now. Harmless when repeated."""
        self._inbox.let_go(message_id)

    def track(self, message_id: str) -> Tracking:
        """Return that MESH took the message; more than that the folders do not tell."""
        return Tracking(message_id, "taken")

    def track_local_id(self, local_id: str) -> LocalIdTracking:
        """Return whether a message was handed over, and whether the MESH client has sent it.

        One in FAILED counts as taken: what became of it comes as a report.
        """
        found = self._outbox.look_up(local_id)
        self._observer.answered()
        return found

    def _size(self, message: OutgoingMessage) -> int:
        return len(message.body) if isinstance(message.body, bytes) else message.body.seek(0, 2)


def _passes(headers: MessageHeaders, workflow_filter: str) -> bool:
    if workflow_filter.endswith("*"):
        return headers.workflow_id.startswith(workflow_filter[:-1])
    return headers.workflow_id == workflow_filter
