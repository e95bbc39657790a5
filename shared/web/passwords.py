"""Passwords: what is accepted as one, and its argon2 hash."""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 200
_HASHER: Final = PasswordHasher()
# each takes 64 MB: many at once must not take all there is
_TURNS: Final = BoundedSemaphore(2)


def fault(password: str, user_name: str) -> str | None:
    """Return what is wrong with a new password, None when nothing is.

    Length is what counts: three random words are better than a short one with odd characters.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return f"must have {SHORTEST} to {LONGEST} characters; three random words are a good one"
    if len(set(password)) < 5 or user_name in password.casefold():
        return "must not repeat a few characters, nor hold the user's name"
    return None


def hashed(password: str) -> str:
    """Return the argon2id hash of a password, with its salt and parameters."""
    return _HASHER.hash(password)


def agrees(password_hash: str | None, password: str) -> bool:
    """Say whether a password is the right one; without a hash it takes as long, so that nobody learns who there is."""
    try:
        with _TURNS:
            _HASHER.verify(password_hash or _nobodys(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)


@cache
def _nobodys() -> str:
    return hashed("the password of nobody")
