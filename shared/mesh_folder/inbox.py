"""The inbox of a mailbox of folders: what was received, and what could not be sent, until it is stored.

A message is let go by one step that cannot be done by halves: its control file loses its name. Whatever a crash leaves
behind after that is removed in the next round.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final, cast

from shared.errors import MeshGone, MeshProtocolError
from shared.mesh.body import copy_body
from shared.mesh.chunks import IN_MEMORY
from shared.mesh.messages import IncomingMessage, MessageHeaders, MessageType, Wanted
from shared.mesh_folder.folders import open_file, remove_let_go, sync, usable
from shared.mesh_folder.items import Item, Items
from shared.mesh_folder.names import data_of, let_go

_STEP: Final = 65_536


class Inbox:
    """The inbox of one mailbox; large bodies lie in files without a name in ``directory``."""

    def __init__(self, items: Items, directory: Path) -> None:
        self._items = items
        self._directory = directory
        self._known: dict[str, Item] = {}

    def scan(self) -> list[Item]:
        """Look at the folders as they are; return what waits there, each message once, the oldest first."""
        found: dict[str, Item] = {}
        for item in (*self._items.received(), *self._items.failed()):
            # another copy of the same message is the next round's
            found.setdefault(item.message_id, item)
        self._known = found
        return list(found.values())

    def head(self, message_id: str) -> MessageHeaders:
        """Return what a message is. Raises MeshGone when it is not there, MeshProtocolError when it cannot be had."""
        item = self._find(message_id)
        if item is None:
            raise MeshGone("the message is not in the folders of the MESH client any more")
        if item.headers is None:
            raise MeshProtocolError(item.fault)
        return item.headers

    def download(self, message_id: str, max_bytes: int, wanted: Wanted) -> IncomingMessage:
        """Return a message with at most ``max_bytes`` of its body, if it is ``wanted``; raises what ``head`` raises."""
        headers = self.head(message_id)
        content = cast(IO[bytes], SpooledTemporaryFile(IN_MEMORY, dir=str(self._directory)))  # noqa: SIM115 - it outlives the call
        try:
            declined = not wanted(headers)
            has_data = headers.message_type is MessageType.DATA and not declined
            truncated = has_data and _copy_data(self._known[message_id], max_bytes, content)
            return IncomingMessage(headers, content, truncated=truncated, declined=declined)
        except BaseException:
            content.close()
            raise

    def let_go(self, message_id: str) -> None:
        """Remove a message that is stored by now; harmless when it is gone."""
        item = self._find(message_id)
        self._known.pop(message_id, None)
        if item is None or item.files.control is None:
            return
        control = item.files.control
        with usable(item.folder):
            try:
                (item.folder / control).replace(item.folder / let_go(control))
            except FileNotFoundError:
                return
            # the name must be gone for good before the data are
            sync(item.folder)
            # the data may have come after the look at the folder
            remove_let_go(item.folder, control, item.files.data or data_of(item.files.stem))

    def _find(self, message_id: str) -> Item | None:
        if message_id not in self._known:
            self.scan()
        return self._known.get(message_id)


def _copy_data(item: Item, max_bytes: int, into: IO[bytes]) -> bool:
    """Copy the data of a message; say whether there are more than ``max_bytes`` of them."""
    if item.files.data is None:
        raise MeshProtocolError("there is a control file and no data file beside it")
    with usable(item.folder):
        try:
            with open_file(item.folder / item.files.data) as file:
                return copy_body(_pieces(file), "gzip" if item.is_compressed else "", max_bytes, into)
        except FileNotFoundError:
            raise MeshGone("the data file is not there any more") from None
        except PermissionError:
            raise MeshProtocolError("the data file cannot be read by this user") from None


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_STEP):
        yield piece
