"""Sessions of the web pages: kept here by the hash of a token that only the browser has."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, or_, update
from sqlalchemy.orm import Session

from shared.web.tables import Accounts, WebSessionColumns

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SEEN_AGAIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """A session ends after ``idle`` time without a request, and after its ``length`` in any case."""

    idle: timedelta
    length: timedelta


def new_token() -> str:
    """Return a token that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(32)


def is_token(value: str) -> bool:
    """Say whether ``value`` can be a token of ours."""
    return _TOKEN.fullmatch(value) is not None


def csrf_of(token: str) -> str:
    """Return what a form must carry to come from a page of ours: it follows from the token, which no other site has."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def begin(session: Session, accounts: Accounts, user_name: str, now: datetime) -> str:
    """Begin a session and return its token: always a new one, whatever the browser sent."""
    token = new_token()
    row = accounts.session()
    row.token_hash, row.user_name, row.created_at, row.last_seen_at = _hash(token), user_name, now, now
    session.add(row)
    session.flush()
    return token


def find(session: Session, accounts: Accounts, token: str, limits: Limits, now: datetime) -> WebSessionColumns | None:
    """Return the session of a token, None when there is none or it is over."""
    row = session.get(accounts.session, _hash(token))
    if row is None or now >= row.last_seen_at + limits.idle or now >= row.created_at + limits.length:
        return None
    return row


def is_seen_long_ago(row: WebSessionColumns, now: datetime) -> bool:
    """Say whether it is worth a write to note that a session is used."""
    return now - row.last_seen_at >= _SEEN_AGAIN


def seen(session: Session, accounts: Accounts, token: str, now: datetime) -> None:
    """Note that a session is used."""
    row = accounts.session
    session.execute(update(row).where(row.token_hash == _hash(token)).values(last_seen_at=now))


def end(session: Session, accounts: Accounts, token: str) -> None:
    """End one session."""
    session.execute(delete(accounts.session).where(accounts.session.token_hash == _hash(token)))


def end_all(session: Session, accounts: Accounts, user_name: str) -> None:
    """End every session of a user."""
    session.execute(delete(accounts.session).where(accounts.session.user_name == user_name))


def prune(session: Session, accounts: Accounts, limits: Limits, now: datetime) -> None:
    """Forget the sessions that are over."""
    row = accounts.session
    over = or_(row.last_seen_at <= now - limits.idle, row.created_at <= now - limits.length)
    session.execute(delete(row).where(over))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
