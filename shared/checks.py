"""What ``check`` looks at for both daemons: one line each, right or what to do."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from shared.clock import Clock
from shared.db import Database
from shared.errors import DatabaseUnusable, MeshError, MeshForbidden
from shared.mesh.certificates import ALERT_BEFORE, WARN_BEFORE
from shared.mesh.mailbox import MeshMailbox

# no clock is right that says a time before this software was written
_WRITTEN: Final = datetime(2026, 11, 1, tzinfo=UTC)
_MOUNTS: Final = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Check:
    """One line of ``check``: what was looked at, and what to do when it is not right."""

    subject: str
    ok: bool
    text: str


def database_checks(database: Database, name: str) -> Iterable[Check]:
    """Check that the database answers, is at this version's schema, and is no file that everybody may read."""
    url = database.engine.url
    is_file = url.get_backend_name() == "sqlite"
    try:
        database.require_sound()
        database.revision()
    except DatabaseUnusable as error:
        advice = "restore the file" if is_file else "start the server"
        yield Check("database", ok=False, text=f"{error}; {advice}, or correct DATABASE_URL")
        return
    try:
        database.require_schema(name)
    except DatabaseUnusable as error:
        yield Check("database", ok=False, text=str(error))
    else:
        yield Check("database", ok=True, text=f"schema {database.head()}")
    if is_file and url.database:
        yield from _exposed({"database": Path(url.database)})


def directory_check(directory: Path) -> Check:
    """Check that the state directory is there, ours alone and writable."""
    # in this order: what lies where nobody may look makes is_dir raise, or not, by the version of Python
    if not (os.access(directory, os.W_OK | os.X_OK) and directory.is_dir()):
        return Check("state directory", ok=False, text=f"{directory} must be a directory that this user can write")
    if directory.stat().st_mode & 0o077:
        return Check("state directory", ok=False, text=f"others can look into it: run `chmod 700 {directory}`")
    return Check("state directory", ok=True, text=str(directory))


def secret_checks(files: Mapping[str, Path]) -> Iterable[Check]:
    """Check that not every user of the machine can read the secrets; ``files`` has them by the setting's name."""
    exposed = list(_exposed(files))
    yield from exposed
    for name, file in _open_to_group(files).items():
        text = f"its group can read it, too: run `chmod g-r {file}` unless that is the daemon's own group"
        yield Check(name, ok=True, text=text)
    if files and not exposed:
        yield Check("secrets", ok=True, text=f"not every user can read {', '.join(files)}")


def _exposed(files: Mapping[str, Path]) -> Iterable[Check]:
    for name, file in files.items():
        if _is_open_to_all(file):
            yield Check(name, ok=False, text=f"every user of this machine can read it: run `chmod o-rwx {file}`")


def _open_to_group(files: Mapping[str, Path]) -> dict[str, Path]:
    found = {}
    for name, file in files.items():
        with suppress(OSError):
            mode = file.stat().st_mode
            if mode & stat.S_IRGRP and not mode & stat.S_IROTH:
                found[name] = file
    return found


def _is_open_to_all(file: Path) -> bool:
    """Say whether anybody can read ``file``: its own mode and every directory on the way let them."""
    try:
        way = file.resolve(strict=True)
        return (
            bool(way.stat().st_mode & stat.S_IROTH)
            and all(above.stat().st_mode & stat.S_IXOTH for above in way.parents)
            and not _is_mounted(way)
        )
    except OSError:
        # what is not there has a fault of its own
        return False


def _is_mounted(file: Path) -> bool:
    """Say whether ``file`` alone is mounted, as a container's secrets are: on the host another directory guards it."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return str(file) in {mount.split(" ")[4] for mount in mounts}


def clock_check(clock: Clock) -> Check:
    """Check that the clock is set at all; MESH refuses tokens that are two hours off."""
    now = clock()
    ok = now >= _WRITTEN
    advice = "compare it with a clock you trust" if ok else "it is not set: start time synchronisation"
    return Check("clock", ok=ok, text=f"{now:%Y-%m-%d %H:%M:%S} UTC; {advice}")


def mesh_check(mesh: MeshMailbox) -> Check:
    """Shake hands with MESH."""
    try:
        mesh.handshake()
    except MeshError as error:
        # a refusal says itself what to look at
        advice = "" if isinstance(error, MeshForbidden) else "; check MESH_URL, the network and the certificate"
        return Check("MESH", ok=False, text=f"{error}{advice}")
    return Check("MESH", ok=True, text="the handshake succeeded")


def certificate_checks(mesh: MeshMailbox, clock: Clock) -> Iterable[Check]:
    """Tell when each file of certificates ends; it is wrong as soon as there is an alert for it."""
    for expiry in mesh.certificate_expiries():
        left = expiry.at - clock()
        text = f"ends on {expiry.at:%Y-%m-%d}, {left.days} days from now"
        if left < timedelta(0):
            text = f"ended on {expiry.at:%Y-%m-%d}"
        advice = "; order the new one now" if left <= WARN_BEFORE else ""
        yield Check(expiry.setting, ok=left > ALERT_BEFORE, text=text + advice)
