"""Lays a task as a folder into the drop directory: whole and durable, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

from registered_receiver.export import TASK_FILE
from shared.errors import MessagingError

# the daemon's umask takes away from these: nobody but its user and group ever gets in
_FOLDER_MODE: Final = 0o770
_FILE_MODE: Final = 0o660


class FolderTaken(MessagingError):
    """Something else has the name of a task's folder."""


def lay(directory: Path, task_id: str, files: Mapping[str, bytes]) -> bool:
    """Make the folder ``task_id`` with ``files``; return False when an earlier attempt had made it already.

    It gets its name once everything in it is on the disk. Raises FolderTaken, and OSError when the disk says no.
    """
    folder = directory / task_id
    new = not os.path.lexists(folder)
    if new:
        _make(directory, folder, files)
    elif not _is_of(folder, task_id):
        raise FolderTaken(f"something else has the name {task_id}")
    _sync(directory)
    # what a crash left behind, or a process that was too slow
    for left in directory.glob(f"{_partial_name(folder)}*"):
        shutil.rmtree(left, ignore_errors=True)
    return new


def fault(directory: Path) -> str | None:
    """Return why no folder can be made in the directory, None when one can."""
    probe = directory / f".partial-probe-{uuid4()}"
    try:
        probe.mkdir(_FOLDER_MODE)
        probe.rmdir()
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def _make(directory: Path, folder: Path, files: Mapping[str, bytes]) -> None:
    partial = directory / f"{_partial_name(folder)}{uuid4()}"
    partial.mkdir(_FOLDER_MODE)
    try:
        for name, data in files.items():
            _write(partial / name, data)
        _sync(partial)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _is_of(folder: Path, task_id: str) -> bool:
    """Say whether a folder is the one that we made for this task, by what its description says."""
    try:
        described = json.loads((folder / TASK_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and described.get("task_id") == task_id


def _partial_name(folder: Path) -> str:
    return f".partial-{folder.name}-"


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make what happened in a directory outlive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
