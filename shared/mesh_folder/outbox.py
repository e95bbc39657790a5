"""Handing messages over to the MESH client, each once, and knowing what became of them after any crash.

A message is handed over by one step that cannot be done by halves: its control file gets its name in OUT. A receipt,
an empty file in our own directory, is written just before. So it can always be told whether that step was done:

| the control file | the receipt | handed over |
|---|---|---|
| in OUT, TEMP, SENT or FAILED | | yes |
| staged | there or not | no |
| nowhere | there | yes: the client keeps no copies, or somebody cleared them away |
| nowhere | not there | no |
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from shared.clock import Clock
from shared.errors import MeshAmbiguous, MeshError, MeshProtocolError
from shared.mesh.messages import LocalIdTracking, OutgoingMessage, Taken
from shared.mesh_folder.control import LARGEST, read_control, write_control
from shared.mesh_folder.folders import (
    NO_TIME,
    Folders,
    is_there,
    names_in,
    open_file,
    put,
    settle,
    stage,
    sync,
    time_of,
    usable,
)
from shared.mesh_folder.names import control_of, data_of, paired, staged, stem_of

# longer than any report waits for anything
_KEPT_FOR: Final = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class Outbox:
    """What goes out by the folders of a mailbox; ``receipts`` is a directory of this daemon's own."""

    folders: Folders
    receipts: Path
    clock: Clock

    def hand_over(self, message: OutgoingMessage, headers: Mapping[str, str], *, allow_chunking: bool) -> None:
        """Lay a message into OUT, durably: the data first, the control file last.

        Raises MeshUnavailable, MeshForbidden or MeshUnreachable when it was certainly not handed over, and
        MeshAmbiguous when that is not known.
        """
        stem, now = stem_of(message.local_id), self.clock()
        out, control = self.folders.outgoing, write_control(headers, allow_chunking=allow_chunking)
        with usable(out):
            put(out, data_of(stem), message.body, now)
            stage(out, control_of(stem), control, now)
        with usable(self.receipts):
            self.receipts.mkdir(mode=0o700, exist_ok=True)
            (self.receipts / stem).touch(mode=0o600)
            sync(self.receipts)
        try:
            with usable(out):
                settle(out, control_of(stem))
        except MeshError as error:
            raise MeshAmbiguous(str(error)) from error

    def look_up(self, local_id: str) -> LocalIdTracking:
        """Return what became of a message. What the client took, MESH has: a refusal comes as a report."""
        name, folders = control_of(stem_of(local_id)), self.folders
        with usable(folders.root):
            # in the order in which the client moves it on: it cannot be missed on its way
            if is_there(folders.outgoing / name) or is_there(folders.temporary / name):
                return LocalIdTracking(Taken.ON_ITS_WAY)
            if is_there(folders.sent / name):
                return _taken(self._message_id(folders.sent / name))
            if is_there(folders.failed / name):
                return _taken()
            is_staged = is_there(folders.outgoing / staged(name))
        # where there are no folders there is no file either, and that proves nothing
        folders.require()
        return LocalIdTracking(Taken.NEVER) if is_staged or not self.has_receipt(local_id) else _taken()

    def has_receipt(self, local_id: str) -> bool:
        """Say whether we handed a message with this local id over, or were about to."""
        with usable(self.receipts):
            return is_there(self.receipts / stem_of(local_id))

    def waiting_since(self) -> datetime | None:
        """Return when the oldest message was written that the client has not done with: any in OUT, ours in TEMP."""
        out = self.folders.outgoing
        with usable(out):
            times = [time_of(control) for control in _controls_in(out)]
        # TEMP is the client's own: it need not be there nor be open to us, and may hold what the client receives
        with suppress(OSError):
            busy = _controls_in(self.folders.temporary)
            times += [time_of(control) for control in busy if is_there(self.receipts / control.stem)]
        return min((each for each in times if each is not None and each != NO_TIME), default=None)

    def forget_old_receipts(self) -> None:
        """Remove the receipts of messages that nobody will ever ask about again."""
        with usable(self.receipts):
            if not is_there(self.receipts):
                return
            for path in self.receipts.iterdir():
                written = time_of(path)
                if written is not None and self.clock() - written > _KEPT_FOR:
                    path.unlink(missing_ok=True)

    def _message_id(self, control: Path) -> str | None:
        """Return the id that MESH gave a message, which the client writes into the control file; None without one."""
        try:
            with open_file(control) as file:
                return read_control(file.read(LARGEST + 1)).message_id
        except (MeshProtocolError, OSError):
            # that it is in SENT proves that MESH took it, whatever can be read of it
            return None


def _controls_in(folder: Path) -> list[Path]:
    return [folder / files.control for files in paired(names_in(folder)) if files.control is not None]


def _taken(message_id: str | None = None) -> LocalIdTracking:
    return LocalIdTracking(Taken.ONCE, message_id, is_usual=True)
