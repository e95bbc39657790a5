"""The folders of a mailbox, and changes of them that a crash can end at any moment without harm."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import EACCES, ELOOP, EMFILE, ENFILE, ENOENT, ENOMEM, ENXIO, EPERM, EROFS
from pathlib import Path
from typing import IO, Final

from shared.errors import MeshForbidden, MeshProtocolError, MeshUnavailable, MeshUnreachable
from shared.mesh_folder.names import let_go, staged

# The MESH client is another user, who shares a group with us (setgid on the folders), whatever our umask says.
_MODE: Final = 0o660
_CLOSED: Final = frozenset({EACCES, EPERM, EROFS})
# what an error says of the folder or of this process, and not of the one file
_NOT_OF_FILE: Final = _CLOSED | {ENOENT, EMFILE, ENFILE, ENOMEM}
_NO_FILE: Final = "one of the message's files is a link or no file at all"

NO_TIME: Final = datetime.max.replace(tzinfo=UTC)
"""The time of a file whose own the disk does not give: it never counts as old, so nothing is removed for its sake."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one mailbox below ``root``, as the MESH client lays them out."""

    root: Path

    @property
    def incoming(self) -> Path:
        """Where the client puts what it received."""
        return self.root / "IN"

    @property
    def outgoing(self) -> Path:
        """Where the client takes what is to be sent."""
        return self.root / "OUT"

    @property
    def temporary(self) -> Path:
        """Where the client may keep what it works on."""
        return self.root / "TEMP"

    @property
    def sent(self) -> Path:
        """Where the client puts what MESH took."""
        return self.root / "SENT"

    @property
    def failed(self) -> Path:
        """Where the client puts what it could not send."""
        return self.root / "FAILED"

    def require(self) -> None:
        """Raise MeshUnreachable or MeshForbidden unless messages can go and come."""
        for folder in (self.incoming, self.outgoing, self.failed):
            with usable(folder):
                folder.stat()
                if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                    raise PermissionError(EACCES, "")


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what goes wrong with ``folder`` into errors of ours.

    Raises MeshUnreachable when it is not there, MeshForbidden when it may not be used, else MeshUnavailable.
    """
    try:
        yield
    except OSError as error:
        words = f"the folder {folder.name}: {os.strerror(error.errno or 0)}"
        if error.errno in _CLOSED:
            raise MeshForbidden(f"{words}; `check` says which permission is missing") from None
        if not os.access(folder, os.F_OK):
            raise MeshUnreachable(f"{words}; see MESH_FOLDER, and whether the share is mounted") from None
        raise MeshUnavailable(words) from None


def put(folder: Path, name: str, content: bytes | IO[bytes], at: datetime) -> None:
    """Let a complete file appear in ``folder`` at once, or not at all, and for good; ``at`` is its time."""
    stage(folder, name, content, at)
    settle(folder, name)


def stage(folder: Path, name: str, content: bytes | IO[bytes], at: datetime) -> None:
    """Write a file under a name that nobody looks for, durably; one that a crash left behind is written over.

    It is never away in between: that it is staged is the proof that it was not handed over.
    """
    descriptor = os.open(folder / staged(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, _MODE)
        if isinstance(content, bytes):
            file.write(content)
        else:
            content.seek(0)
            shutil.copyfileobj(content, file)
        file.flush()
        os.utime(descriptor, (at.timestamp(), at.timestamp()))
        os.fsync(descriptor)
    sync(folder)


def settle(folder: Path, name: str) -> None:
    """Give what was staged its own name: from here on others see it."""
    (folder / staged(name)).replace(folder / name)
    sync(folder)


def remove_let_go(folder: Path, control: str, data: str | None) -> None:
    """Remove what is left of a message whose control file lost its name: the data, then what was the control file."""
    if data is not None:
        (folder / data).unlink(missing_ok=True)
    (folder / let_go(control)).unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """Make the names in ``folder`` outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_file(path: Path) -> IO[bytes]:
    """Open a file that somebody else wrote.

    Raises MeshProtocolError for a link, a pipe or whatever is no file, and for a file that the disk does not give.
    """
    with one_file():
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise MeshProtocolError(_NO_FILE)
    return os.fdopen(descriptor, "rb")


@contextmanager
def one_file() -> Iterator[None]:
    """Turn what goes wrong with a single file into a MeshProtocolError; what concerns more than that one stays."""
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_OF_FILE:
            raise
        is_none = error.errno in (ELOOP, ENXIO)
        words = f"one of the message's files cannot be read: {os.strerror(error.errno or 0)}"
        raise MeshProtocolError(_NO_FILE if is_none else words) from None


def is_there(path: Path) -> bool:
    """Say whether a file is there, whatever it is; raise OSError when that cannot be told.

    ``Path.exists`` says "no" to a folder that cannot be looked into, since Python 3.14 always and before that for some
    errors: what was handed over would be handed over again.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def time_of(path: Path) -> datetime | None:
    """Return when a file, or a link itself, was written; None when it is not there any more, NO_TIME when unknown."""
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _NOT_OF_FILE:
            raise
        return NO_TIME


def names_in(folder: Path) -> list[str]:
    """Return the names of all that is in ``folder``."""
    return [path.name for path in folder.iterdir()]
