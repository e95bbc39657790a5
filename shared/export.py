"""Files for people: documents under names that hold no patient data, all of them or none (decision 35)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from shared.errors import CommandFailed

_EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
    "application/mswrtford": "rtf",
    "text/html": "html",
    "text/plain": "txt",
    "text/xml": "xml",
    "application/xml": "xml",
    "image/jpeg": "jpg",
    "image/jpg": "jpg",
    "image/png": "png",
    "image/tiff": "tiff",
    "image/tif": "tiff",
}


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A document's bytes under a name of ours. ``active`` says that it has the marks of something that runs."""

    name: str
    content_type: str
    data: bytes = field(repr=False)
    active: bool


def file_name(position: int, content_type: str) -> str:
    """Return the name of a document: ``position`` counts from 1, and the first is the report."""
    what = "report" if position == 1 else "attachment"
    return f"{position:02}-{what}.{_EXTENSIONS.get(content_type, 'bin')}"


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON that people can read."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def write_files(directory: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write every file into ``directory``, made if needed, or none; return their paths.

    Raises CommandFailed when one of them is there already: nothing is written over.
    """
    paths = [directory / name for name in files]
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [path.name for path in paths if os.path.lexists(path)]
        if there:
            raise CommandFailed(f"{directory} has {', '.join(there)} already; nothing was written")
        with TemporaryDirectory(prefix=".partial-", dir=directory) as partial:
            for name, data in files.items():
                with os.fdopen(os.open(Path(partial, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(data)
            # the disk had room for all of them: now they only change their place
            for path in paths:
                Path(partial, path.name).rename(path)
    except OSError as error:
        raise CommandFailed(f"{directory} cannot be written: {error.strerror}; nothing was written") from None
    return paths
