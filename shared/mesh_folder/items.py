"""What lies in IN and FAILED, message by message, as the API would tell of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from shared.clock import Clock
from shared.errors import MeshProtocolError
from shared.mesh.folding import GP_PROVIDER
from shared.mesh.messages import MessageHeaders
from shared.mesh_folder.control import LARGEST, ControlFile, read_control
from shared.mesh_folder.folders import (
    NO_TIME,
    Folders,
    is_there,
    names_in,
    one_file,
    open_file,
    remove_let_go,
    time_of,
    usable,
)
from shared.mesh_folder.names import Files, by_files, control_of, let_go, paired, was_let_go

# a data file without a control file is being written, but not for so long
_WRITTEN_WITHIN: Final = timedelta(hours=1)
_INCOMPLETE: Final = "there has been a data file for an hour and no control file beside it"
_UNKNOWN: Final = "there is a data file that cannot be read and no control file beside it"
_NOT_SENT: Final = "the MESH client could not send it and put it into FAILED"


@dataclass(frozen=True, slots=True)
class Item:
    """One message and its files: ``headers`` say what it is, or a ``fault`` says why it cannot be had."""

    message_id: str
    folder: Path
    files: Files
    headers: MessageHeaders | None = None
    fault: str = ""
    is_compressed: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """Reads the folders of one mailbox. ``sent_by_us`` says whether we handed a message with a local id over."""

    folders: Folders
    mailbox_id: str
    clock: Clock
    sent_by_us: Callable[[str], bool]

    def received(self) -> Iterator[Item]:
        """Give what the client received, the oldest first; nothing that is still being written."""
        folder = self.folders.incoming
        for files in _in_order(folder):
            if files.control is None:
                yield from self._incomplete(folder, files)
                continue
            try:
                control = _read(folder, files.control)
                if control is None:
                    continue
                if control.is_report and control.is_good_news:
                    self._clear_away(folder / files.control, control)
                else:
                    yield self._item(folder, files, control)
            except MeshProtocolError as error:
                yield Item(by_files(folder.name, files.stem), folder, files, fault=str(error))

    def failed(self) -> Iterator[Item]:
        """Give what the client could not send, as the report that MESH would write about it."""
        folder = self.folders.failed
        for files in _in_order(folder):
            if files.control is None:
                yield from self._incomplete(folder, files)
                continue
            message_id = by_files(folder.name, files.stem)
            try:
                control = _read(folder, files.control)
                if control is not None:
                    yield Item(message_id, folder, files, _as_report(control).headers(message_id))
            except MeshProtocolError as error:
                yield Item(message_id, folder, files, fault=str(error))

    def _item(self, folder: Path, files: Files, control: ControlFile) -> Item:
        if control.message_id is None:
            raise MeshProtocolError("the control file has no DTSId, so the message cannot be told from others")
        headers = control.headers(control.message_id)
        if control.is_encrypted:
            raise MeshProtocolError("the control file says that the data are encrypted")
        address = (headers.recipient or "").upper()
        is_ours = not address or address == self.mailbox_id.upper() or address.startswith(GP_PROVIDER)
        if not (is_ours or control.is_report):
            raise MeshProtocolError("it is for another mailbox: MESH_FOLDER is not the folder of MESH_MAILBOX_ID")
        return Item(control.message_id, folder, files, headers, is_compressed=control.is_compressed)

    def _incomplete(self, folder: Path, files: Files) -> Iterator[Item]:
        if self._moves(folder, control_of(files.stem)):
            return
        with usable(folder):
            written = time_of(folder / (files.data or ""))
        if written is None:
            return
        message_id = by_files(folder.name, files.stem)
        if written == NO_TIME:
            yield Item(message_id, folder, files, fault=_UNKNOWN)
        elif self.clock() - written > _WRITTEN_WITHIN:
            yield Item(message_id, folder, files, fault=_INCOMPLETE)

    def _moves(self, folder: Path, control: str) -> bool:
        """Say whether the data are alone for a moment: the client brings them, or the other daemon lets them go."""
        # in the order in which the file moves on: it cannot be missed on its way
        ways = [folder / control, folder / let_go(control)]
        if folder == self.folders.failed:
            ways = [self.folders.outgoing / control, self.folders.temporary / control, *ways]
        with suppress(OSError):
            return any(is_there(each) for each in ways)
        return False

    def _clear_away(self, path: Path, control: ControlFile) -> None:
        """Remove the client's note that a message of ours went well: nobody waits for it. Others' notes stay."""
        local_id = control.mex.get("mex-localid")
        if local_id and self.sent_by_us(local_id):
            # one that stays does no harm, and the messages beside it must come
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _as_report(control: ControlFile) -> ControlFile:
    mex = {"mex-statusdescription": _NOT_SENT} | dict(control.mex) | {"mex-messagetype": "REPORT"}
    if control.is_good_news:
        # of an earlier step; that it lies here says that the whole did not go well
        mex |= {"mex-statuscode": "", "mex-statusdescription": _NOT_SENT}
    return replace(control, mex=mex)


def _in_order(folder: Path) -> list[Files]:
    """Return what is in a folder, the oldest first; what a crash left of a message that was let go is removed."""
    with usable(folder):
        names = names_in(folder)
        pairs = paired(names)
        by_stem = {files.stem: files for files in pairs}
        for control in filter(None, map(was_let_go, names)):
            left = by_stem.get(control[:-4])
            # the client may have brought it again, and then the data belong to that
            is_left_over = left is not None and left.control is None
            with suppress(OSError):
                remove_let_go(folder, control, left.data if left is not None and is_left_over else None)
        dated = [(time_of(folder / (files.control or files.data or "")), files) for files in pairs]
    present = [(at, files.stem, files) for at, files in dated if at is not None]
    return [files for _, _, files in sorted(present, key=lambda key: key[:2])]


def _read(folder: Path, name: str) -> ControlFile | None:
    """Read a control file; None when it is not there any more."""
    with usable(folder):
        try:
            with one_file(), open_file(folder / name) as file:
                return read_control(file.read(LARGEST + 1))
        except FileNotFoundError:
            return None
        except PermissionError:
            raise MeshProtocolError("the control file cannot be read by this user") from None
