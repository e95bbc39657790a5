"""The names of files in the MESH client's folders: ours are unique and tell nothing, others' are told with care."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.mesh.folding import redact

_PLAIN: Final = re.compile(r"[0-9A-Za-z]+([._-][0-9A-Za-z]+)*")
_LONGEST: Final = 80
_CONTROL: Final = ".ctl"
_DATA: Final = ".dat"
# A leading full stop hides it from whatever looks for messages; its end says that it is none.
_STAGED: Final = ".part"
_LET_GO: Final = ".done"
# where messages are listed; no id of MESH begins like that
_FOLDERS: Final = ("IN-", "FAILED-")


@dataclass(frozen=True, slots=True)
class Files:
    """The names of a message's files; None for one that is not there."""

    stem: str
    control: str | None
    data: str | None


def stem_of(local_id: str) -> str:
    """Return the name of a message's files: the same for each attempt to send it, another one for every other send.

    A local id of ours is a UUID and a number; its full stop would look like the beginning of an extension.
    """
    if _PLAIN.fullmatch(local_id) and len(local_id) <= _LONGEST:
        return local_id.replace(".", "-")
    return _digest(local_id)


def control_of(stem: str) -> str:
    """Return the name of a control file."""
    return stem + _CONTROL


def data_of(stem: str) -> str:
    """Return the name of a data file."""
    return stem + _DATA


def staged(name: str) -> str:
    """Return the name that a file has in the same folder until it is complete."""
    return f".{name}{_STAGED}"


def let_go(name: str) -> str:
    """Return the name that a control file gets once its message is stored: it is none any more."""
    return f".{name}{_LET_GO}"


def was_let_go(name: str) -> str | None:
    """Return the former name of a control file that was let go, None for any other file."""
    is_one = name.startswith(".") and name.endswith(_LET_GO)
    return name[1 : -len(_LET_GO)] if is_one else None


def paired(names: Iterable[str]) -> list[Files]:
    """Return which files of a folder belong together, whatever the case of their extensions."""
    controls: dict[str, str] = {}
    data: dict[str, str] = {}
    for name in names:
        stem, extension = name[:-4], name[-4:].lower()
        if stem and not name.startswith(".") and extension in (_CONTROL, _DATA):
            (controls if extension == _CONTROL else data)[stem] = name
    return [Files(stem, controls.get(stem), data.get(stem)) for stem in sorted(controls.keys() | data.keys())]


def told(stem: str) -> str:
    """Return a name as it may be logged: as it is when it is plain, else its SHA-256, shortened.

    Whoever made a name with spaces or digits that may be an NHS number perhaps wrote a patient into it.
    """
    is_plain = _PLAIN.fullmatch(stem) and len(stem) <= _LONGEST and redact(stem) == stem and not stem.isalpha()
    return stem if is_plain else _digest(stem)


def by_files(folder: str, stem: str) -> str:
    """Return the id of what has none of MESH's: its folder, and the name of its files as it may be told."""
    return f"{folder}-{told(stem)}"


def is_by_files(message_id: str) -> bool:
    """Say whether an id is one of :func:`by_files`: it says no more than that these files are there."""
    return message_id.startswith(_FOLDERS)


def _digest(text: str) -> str:
    return "sha256-" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
