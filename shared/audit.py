"""The audit: who or what looked at, took out, decided or closed something. Rows are only ever added."""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.tables import AuditColumns

_LOGIN_UID: Final = Path("/proc/self/loginuid")
_NO_LOGIN: Final = 2**32 - 1
_LONGEST_NAME: Final = 128

A = TypeVar("A", bound=AuditColumns)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. ``uid`` is the operating system's number, None for somebody whom it does not know."""

    name: str
    uid: int | None
    role: str | None


def actor() -> Actor:
    """Return who runs this process: what the kernel says, not what the environment claims.

    After ``sudo`` the name says both: ``jane as registered-receiver``. The role is the user's main group.
    """
    uid = os.getuid()
    name, login = _user(uid), _login_uid()
    if login not in (None, uid):
        name = f"{_user(login)} as {name}"
    return Actor(name[:_LONGEST_NAME], uid, _group(os.getgid())[:_LONGEST_NAME])


class AuditBook(Generic[A]):
    """The audit of one daemon, kept in the table that ``model`` maps."""

    def __init__(self, model: type[A]) -> None:
        self._model = model

    def record(
        self,
        session: Session,
        who: Actor,
        action: str,
        now: datetime,
        *,
        subject_id: str | None = None,
        nhs_number: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Add a line (FHIR-DOC-02, FHIR-DOC-03); call it in the transaction that reads or changes what it is about.

        It is written at once: when it cannot be, nothing is shown and nothing is done.
        """
        entry = self._model()
        entry.at, entry.user_name, entry.uid, entry.role = now, who.name, who.uid, who.role
        entry.action, entry.subject_id, entry.nhs_number, entry.reason = action, subject_id, nhs_number, reason
        session.add(entry)
        session.flush()

    def listing(
        self,
        session: Session,
        *,
        since: datetime | None = None,
        subject_id: str | None = None,
        nhs_number: str | None = None,
        limit: int = 0,
    ) -> list[A]:
        """Return the lines, of one record or one patient or all, the newest first; ``limit`` 0 is all."""
        query = select(self._model).order_by(self._model.id.desc())
        if since is not None:
            query = query.where(self._model.at >= since)
        if subject_id is not None:
            query = query.where(self._model.subject_id == subject_id)
        if nhs_number is not None:
            query = query.where(self._model.nhs_number == nhs_number)
        return list(session.scalars(query.limit(limit) if limit else query))


def _login_uid() -> int | None:
    """Return who logged in, which ``sudo`` does not change; None when nobody did or the kernel does not say."""
    with suppress(OSError, ValueError):
        uid = int(_LOGIN_UID.read_text())
        return None if uid == _NO_LOGIN else uid
    return None


def _user(uid: int | None) -> str:
    with suppress(KeyError, TypeError):
        return pwd.getpwuid(uid).pw_name  # type: ignore[arg-type]
    return f"uid {uid}"


def _group(gid: int) -> str:
    with suppress(KeyError):
        return grp.getgrgid(gid).gr_name
    return f"gid {gid}"
