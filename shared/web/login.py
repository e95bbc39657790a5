"""Whether a name and a password let somebody in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from shared.db import after_commit
from shared.log import emit
from shared.web import lockouts, passwords, sessions, users
from shared.web.daemon import WebApp
from shared.web.events import LOCKED_OUT, LOGGED_IN, LOGIN_FAILED
from shared.web.roles import Role
from shared.web.site import SignedIn


@dataclass(frozen=True, slots=True)
class Locked:
    """Nobody may try before ``until``; ``is_user`` says that it is the name that waits, not the address."""

    until: datetime
    is_user: bool


@dataclass(frozen=True, slots=True)
class _Attempt:
    # whatever was typed there
    name: str = field(repr=False)
    source: str
    now: datetime

    @property
    def subjects(self) -> tuple[str, str]:
        # whoever locks both takes them in this order
        return lockouts.of_source(self.source), lockouts.of_user(self.name)


def log_in(app: WebApp, limits: sessions.Limits, name: str, password: str, source: str) -> str | Locked | None:
    """Return the token of a new session; None when name and password do not fit.

    The attempt is counted as failed before the password is looked at, so that many at once are no way round the lock.
    A password is never looked at within a transaction: that takes long, on purpose.
    """
    attempt = _Attempt(users.normal(name), source, app.clock())
    with app.database.transaction() as session:
        locked = _count(session, app, attempt)
        user = users.active(session, app.accounts, attempt.name)
    if locked is not None:
        return locked
    password_hash = user.password_hash if user else None
    if passwords.agrees(password_hash, password):
        with app.database.transaction() as session:
            return _begin(session, app, limits, attempt, password_hash)
    _tell_of_failure(app, attempt, user.user_name if user else None)
    return None


def _count(session: Session, app: WebApp, attempt: _Attempt) -> Locked | None:
    """Count the attempt; from an address that waits it does not count against the name."""
    of_source, of_user = attempt.subjects
    for each in (of_source, of_user):
        until = lockouts.attempt(session, app.accounts, each, attempt.now)
        if until is not None:
            return Locked(until, is_user=each == of_user)
    return None


def _begin(
    session: Session, app: WebApp, limits: sessions.Limits, attempt: _Attempt, password_hash: str | None
) -> str | None:
    user, (of_source, of_user) = users.active(session, app.accounts, attempt.name), attempt.subjects
    if user is None or user.password_hash != password_hash:
        # disabled, or given another password, while this one was looked at
        return None
    lockouts.take_back(session, app.accounts, of_source, attempt.now)
    lockouts.forget(session, app.accounts, of_user)
    lockouts.prune(session, app.accounts, attempt.now)
    sessions.prune(session, app.accounts, limits, attempt.now)
    who = SignedIn(user.user_name, Role(user.role))
    app.audit.record(session, who.actor, "logged_in", attempt.now)
    after_commit(session, lambda: emit(LOGGED_IN, user=who.name, role=str(who.role), source=attempt.source))
    return sessions.begin(session, app.accounts, who.name, attempt.now)


def _tell_of_failure(app: WebApp, attempt: _Attempt, user: str | None) -> None:
    emit(LOGIN_FAILED, user=user, source=attempt.source)
    of_source, of_user = attempt.subjects
    with app.database.snapshot() as session:
        user_until = lockouts.locked_until(session, app.accounts, of_user, attempt.now)
        source_until = lockouts.locked_until(session, app.accounts, of_source, attempt.now)
    if user_until is not None:
        emit(LOCKED_OUT, of="user", user=user, source=attempt.source, until=user_until.isoformat())
    if source_until is not None:
        emit(LOCKED_OUT, of="address", source=attempt.source, until=source_until.isoformat())
