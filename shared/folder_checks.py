"""What ``check`` says about the folders of the MESH client."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from shared.checks import Check
from shared.clock import Clock
from shared.errors import MeshProtocolError
from shared.mesh.folding import GP_PROVIDER
from shared.mesh_folder.control import LARGEST, ControlFile, read_control
from shared.mesh_folder.folders import Folders, names_in, open_file, time_of
from shared.mesh_folder.names import paired

_SUBJECT: Final = "MESH folders"
_WAITING: Final = timedelta(hours=1)
# enough to see whose folders these are
_LOOKED_AT: Final = 5


def folder_checks(root: Path, mailbox_id: str, clock: Clock) -> Iterable[Check]:
    """Look at the folders below ``root``: there and ours to use, of the right mailbox, and what lies in them."""
    folders = Folders(root)
    needed = (folders.incoming, folders.outgoing, folders.sent, folders.failed)
    try:
        missing = [folder.name for folder in needed if not _is_folder(folder)]
        if missing:
            advice = "MESH_FOLDER must be the mailbox's InterfaceRoot, and be mounted"
            yield Check(_SUBJECT, ok=False, text=f"{root} has no {', '.join(missing)}: {advice}")
            return
        faults = [*_of_permission(folders), *_of_file_system(needed), *_of_mapping(folders, mailbox_id)]
    except OSError as error:
        yield Check(_SUBJECT, ok=False, text=f"{root} cannot be looked into: {os.strerror(error.errno or 0)}")
        return
    yield from (Check(_SUBJECT, ok=False, text=fault) for fault in faults)
    if not faults:
        yield Check(_SUBJECT, ok=True, text=f"{root}; the MESH client must run as the owner of OUT, or in its group")
    yield _of_waiting(folders, mailbox_id, clock)


def _is_folder(path: Path) -> bool:
    """Say whether a folder is there; raise OSError when that cannot be told, which ``Path.is_dir`` does not always."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _of_permission(folders: Folders) -> Iterator[str]:
    for folder in (folders.incoming, folders.outgoing, folders.failed):
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield f"this user cannot read and write {folder.name}: put it into the group that owns the folder"
            continue
        facts = folder.stat()
        if facts.st_mode & stat.S_ISVTX and facts.st_uid != os.geteuid():
            yield f"only owners may remove files from {folder.name}: run `chmod -t {folder}`"
    for folder in (folders.incoming, folders.outgoing, folders.sent, folders.failed):
        if folder.stat().st_mode & stat.S_IRWXO:
            yield f"every user of this machine can look into {folder.name}: run `chmod o-rwx {folder}`"
    facts = folders.outgoing.stat()
    if facts.st_uid != os.geteuid() and not facts.st_mode & stat.S_ISGID:
        advice = f"run `chmod g+s {folders.outgoing}`"
        yield f"what is written to OUT does not get its group, and the MESH client cannot read it: {advice}"
    if not os.access(folders.sent, os.R_OK | os.X_OK):
        yield "this user cannot read SENT: whether MESH took a message, and its id, stand there"
    temp = folders.temporary
    if _is_folder(temp) and not os.access(temp, os.R_OK | os.X_OK):
        yield "this user cannot read TEMP: what the MESH client works on cannot be told from what it has sent"


def _of_file_system(needed: Iterable[Path]) -> Iterator[str]:
    if len({folder.stat().st_dev for folder in needed}) > 1:
        yield "the folders lie on different file systems: moving a file between them can then be done by halves"


def _of_mapping(folders: Folders, mailbox_id: str) -> Iterator[str]:
    """Compare the mailbox in some control files with ours: the client must map this folder to this mailbox."""
    advice = "compare MESH_MAILBOX_ID and MESH_FOLDER with ClientIdentity and InterfaceRoot in its meshclient.cfg"
    for folder, header in ((folders.incoming, "mex-to"), (folders.sent, "mex-from")):
        named = {each.mex.get(header, "").upper() for each in _some_controls(folder) if not each.is_report}
        if any(each and not each.startswith(GP_PROVIDER) and each != mailbox_id for each in named):
            yield f"{folder.name} holds another mailbox's messages than {mailbox_id}'s: {advice}"


def _some_controls(folder: Path) -> Iterator[ControlFile]:
    with suppress(OSError):
        for files in paired(names_in(folder))[:_LOOKED_AT]:
            if files.control is not None:
                with suppress(MeshProtocolError, OSError), open_file(folder / files.control) as file:
                    yield read_control(file.read(LARGEST + 1))


def _of_waiting(folders: Folders, mailbox_id: str, clock: Clock) -> Check:
    """Say how much lies where, and whether the MESH client takes what is in OUT and is done with what it took."""
    try:
        counts = {folder: _messages(folder) for folder in (folders.incoming, folders.outgoing, folders.failed)}
        counts[folders.temporary] = _ours_in_temp(folders, mailbox_id)
        times = [time_of(path) for path in (*counts[folders.outgoing], *counts[folders.temporary])]
    except OSError:
        return Check("MESH client", ok=False, text="what lies in the folders cannot be read")
    text = ", ".join(f"{len(found)} in {folder.name}" for folder, found in counts.items())
    oldest = min((at for at in times if at is not None), default=None)
    if oldest is not None and clock() - oldest > _WAITING:
        return Check("MESH client", ok=False, text=f"{text}; it takes or sends nothing: start it, and read its log")
    return Check("MESH client", ok=True, text=text)


def _ours_in_temp(folders: Folders, mailbox_id: str) -> list[Path]:
    """Return what the client took and has not sent. TEMP is its own: it need not be there, nor be open to us."""
    found = []
    with suppress(OSError):
        for path in _messages(folders.temporary):
            with suppress(MeshProtocolError, OSError), open_file(path) as file:
                control = read_control(file.read(LARGEST + 1))
                if control.mex.get("mex-from", "").upper() == mailbox_id and not control.is_report:
                    found.append(path)
    return found


def _messages(folder: Path) -> list[Path]:
    return [folder / files.control for files in paired(names_in(folder)) if files.control is not None]
