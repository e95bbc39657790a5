"""The documents of a consultation: from a path or base64 to bytes with a digest (decision 35)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from federated_sender.consultation import key_name
from shared.errors import Fault
from shared.itk3.attachments import bytes_fit, kind_of_type

Content = dict[str, object]
LARGEST: Final = 75_000_000
"""Bytes: a message above this would have to be sent in chunks, which recipients may not support (decision 40)."""

_KEYS = frozenset({"title", "content_type", "path", "data", "sha256"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """Attachments as the content names them (title, type, digest, size), and the bytes by their digest."""

    entries: tuple[Content, ...] = field(repr=False)
    blobs: Mapping[str, bytes] = field(repr=False)


ReadFile = Callable[[str], bytes]
"""Gives the bytes at a path; raises ValueError with the rule that the path breaks."""


def beside(directory: Path) -> ReadFile:
    """Return a reader of paths relative to ``directory``, for the JSON file that ``enqueue`` was given."""

    def read(path: str) -> bytes:
        try:
            return _contents(directory / path)
        except OSError:
            raise ValueError("names a file that cannot be read") from None

    return read


def under(directory: Path | None) -> ReadFile:
    """Return a reader of paths that must lie under ``directory``, links resolved.

    A row of the outbox must never be able to mail out another file of the machine (decision 35).
    """

    def read(path: str) -> bytes:
        if directory is None:
            raise ValueError("cannot be used: OUTBOX_ATTACHMENT_DIR is not set")
        try:
            root = directory.resolve(strict=True)
            # a path that leads out is told as that, also where nothing is
            file = (root / path).resolve()
            if not file.is_relative_to(root):
                raise ValueError("lies outside OUTBOX_ATTACHMENT_DIR")
            return _contents(file)
        except OSError:
            raise ValueError("names a file that cannot be read") from None

    return read


def _contents(file: Path) -> bytes:
    """Read a plain file; a pipe or a device would keep the daemon waiting, so it is opened without waiting."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ValueError("names something that is not a plain file")
    with os.fdopen(descriptor, "rb") as opened:
        if status.st_size > LARGEST:
            raise ValueError("names a file that is larger than any message may be")
        return opened.read()


def resolve(entries: object, read: ReadFile, *, digest_required: bool, at: str) -> tuple[Resolved, list[Fault]]:
    """Read every attachment; return them with the faults found, each named by its path from ``at``."""
    if not isinstance(entries, list):
        return Resolved((), {}), [Fault(at, "must be a list")]
    resolved: list[Content] = []
    blobs: dict[str, bytes] = {}
    faults: list[Fault] = []
    for number, entry in enumerate(entries):
        where = f"{at}[{number}]"
        if not isinstance(entry, Mapping):
            faults.append(Fault(where, "must be an object"))
            continue
        faults += _unknown(entry.keys(), where)
        try:
            data = _bytes(entry, read, digest_required=digest_required)
        except _Broken as broken:
            faults.append(Fault(f"{where}.{broken.key}", broken.rule))
            continue
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        faults += _type_faults(entry.get("content_type"), data, where)
        named = {key: entry[key] for key in ("title", "content_type") if key in entry}
        resolved.append({**named, "sha256": digest, "size": len(data)})
    return Resolved(tuple(resolved), blobs), faults


def _type_faults(content_type: object, data: bytes, where: str) -> list[Fault]:
    """Hold an attachment against the list that receivers take (decisions 20 and 29)."""
    if not isinstance(content_type, str):
        # the consultation's own rules name this
        return []
    kind = kind_of_type(content_type)
    if kind is None:
        return [Fault(f"{where}.content_type", "is not a type that may be sent")]
    if not bytes_fit(kind, data):
        return [Fault(f"{where}.content_type", "is not what the document's bytes are")]
    return []


class _Broken(Exception):
    def __init__(self, key: str, rule: str) -> None:
        super().__init__(rule)
        self.key = key
        self.rule = rule


def _unknown(keys: Iterable[object], where: str) -> list[Fault]:
    return [Fault(f"{where}.{key_name(key)}", "is not a known key") for key in keys if key not in _KEYS]


def _bytes(entry: Mapping[str, object], read: ReadFile, *, digest_required: bool) -> bytes:
    path, data, digest = entry.get("path"), entry.get("data"), entry.get("sha256")
    if (path is None) == (data is None):
        raise _Broken("path", "is required, or data instead of it, not both")
    if path is not None:
        if not isinstance(path, str):
            raise _Broken("path", "must be a text")
        if digest_required and digest is None:
            raise _Broken("sha256", "is required with a path")
        try:
            content = read(path)
        except ValueError as error:
            raise _Broken("path", str(error)) from None
    else:
        content = _decoded(data)
    if digest is not None and hashlib.sha256(content).hexdigest() != str(digest).lower():
        raise _Broken("sha256", "differs from the document's: it is not the one that was meant")
    if not content:
        raise _Broken("path" if path is not None else "data", "holds an empty document")
    return content


def _decoded(data: object) -> bytes:
    if isinstance(data, bytes):
        return data
    try:
        if isinstance(data, str):
            return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _Broken("data", "must be base64")
