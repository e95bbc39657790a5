"""What ``check`` looks at for both daemons: one line each, right or what to do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shared.clock import Clock
from shared.db import Database
from shared.errors import DatabaseUnusable, MeshError
from shared.mesh.client import MeshClient

# no clock is right that says a time before this software was written
_WRITTEN: Final = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Check:
    """One line of ``check``: what was looked at, and what to do when it is not right."""

    subject: str
    ok: bool
    text: str


def database_checks(database: Database, name: str) -> Iterable[Check]:
    """Check that the database answers and is at this version's schema."""
    try:
        database.require_schema(name)
    except DatabaseUnusable as error:
        yield Check("database", ok=False, text=str(error))
    else:
        yield Check("database", ok=True, text=f"schema {database.head()}")


def directory_check(directory: Path) -> Check:
    """Check that the state directory is there, ours alone and writable."""
    if not (directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)):
        return Check("state directory", ok=False, text=f"{directory} must be a directory that this user can write")
    if directory.stat().st_mode & 0o077:
        return Check("state directory", ok=False, text=f"others can look into it: run `chmod 700 {directory}`")
    return Check("state directory", ok=True, text=str(directory))


def clock_check(clock: Clock) -> Check:
    """Check that the clock is set at all; MESH refuses tokens that are two hours off."""
    now = clock()
    ok = now >= _WRITTEN
    advice = "compare it with a clock you trust" if ok else "it is not set: start time synchronisation"
    return Check("clock", ok=ok, text=f"{now:%Y-%m-%d %H:%M:%S} UTC; {advice}")


def mesh_check(mesh: MeshClient) -> Check:
    """Shake hands with MESH."""
    try:
        mesh.handshake()
    except MeshError as error:
        return Check("MESH", ok=False, text=f"{error}; check mailbox, password, shared key, certificate and clock")
    return Check("MESH", ok=True, text="the handshake succeeded")
