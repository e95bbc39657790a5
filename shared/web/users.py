"""The users of the web pages, made and changed by commands alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.errors import CommandFailed
from shared.web import lockouts, sessions
from shared.web.roles import Role
from shared.web.tables import Accounts, WebUserColumns

_NAME: Final = re.compile(r"[a-z][a-z0-9._@-]{1,63}")


def normal(name: str) -> str:
    """Return a user name as it is kept: small letters, no white space around it."""
    return name.strip().casefold()


def find(session: Session, accounts: Accounts, name: str) -> WebUserColumns | None:
    """Return the user of that name, None when there is none.

    Folding may make ASCII of other letters: what a proxy calls ``voß`` is not our ``voss``.
    """
    return session.get(accounts.user, normal(name)) if name.isascii() else None


def active(session: Session, accounts: Accounts, name: str) -> WebUserColumns | None:
    """Return the user of that name who may use the pages, None when there is none or they may not any more."""
    user = find(session, accounts, name)
    return user if user is not None and user.disabled_at is None else None


def listing(session: Session, accounts: Accounts) -> Sequence[WebUserColumns]:
    """Return all users in the order of their names, disabled ones too."""
    return session.scalars(select(accounts.user).order_by(accounts.user.user_name)).all()


def add(
    session: Session, accounts: Accounts, name: str, role: Role, password_hash: str | None, now: datetime
) -> WebUserColumns:
    """Add a user, or take one back who was disabled; raises CommandFailed when the name is taken or is none."""
    known = find(session, accounts, name)
    if known is not None and known.disabled_at is None:
        raise CommandFailed(f"there is a user {known.user_name} already: `users disable` them first to change the role")
    if not _NAME.fullmatch(normal(name)):
        raise CommandFailed("a user name has 2 to 64 letters, digits and . _ @ -, and begins with a letter")
    user = known or accounts.user()
    user.user_name, user.role, user.created_at, user.disabled_at = normal(name), str(role), now, None
    user.password_hash, user.password_set_at = password_hash, now if password_hash else None
    session.add(user)
    lockouts.forget(session, accounts, lockouts.of_user(user.user_name))
    session.flush()
    return user


def set_password(session: Session, accounts: Accounts, name: str, password_hash: str, now: datetime) -> None:
    """Give a user another password; whoever is signed in under the name is signed out."""
    user = _known(session, accounts, name)
    user.password_hash, user.password_set_at = password_hash, now
    lockouts.forget(session, accounts, lockouts.of_user(user.user_name))
    sessions.end_all(session, accounts, user.user_name)


def disable(session: Session, accounts: Accounts, name: str, now: datetime) -> None:
    """Let a user in no more, and sign them out; raises CommandFailed when they are disabled already."""
    user = _known(session, accounts, name)
    if user.disabled_at is not None:
        raise CommandFailed(f"user {user.user_name} is disabled already")
    user.disabled_at = now
    sessions.end_all(session, accounts, user.user_name)


def unlock(session: Session, accounts: Accounts, name: str) -> None:
    """Forget a user's failed sign-ins; raises CommandFailed when there are none."""
    user = _known(session, accounts, name)
    if not lockouts.forget(session, accounts, lockouts.of_user(user.user_name)):
        raise CommandFailed(f"user {user.user_name} is not locked out")


def _known(session: Session, accounts: Accounts, name: str) -> WebUserColumns:
    user = find(session, accounts, name)
    if user is None:
        # the name is not repeated: it may be a password typed in the wrong place
        raise CommandFailed("there is no user of that name: see `users list`")
    return user
