"""Keeps count of failed sign-ins by user name and by address."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shared.inserts import insert_or_lock
from shared.web.lockout_rules import OF_SOURCE, OF_USER, Policy
from shared.web.tables import Accounts, WebLockoutColumns


def of_user(name: str) -> str:
    """Return under which key the failures of a user name are counted."""
    return f"user:{hashlib.sha256(name.encode()).hexdigest()}"


def of_source(address: str) -> str:
    """Return under which key the failures from a network address are counted."""
    return f"source:{address}"[:80]


def attempt(session: Session, accounts: Accounts, subject: str, now: datetime) -> datetime | None:
    """Count an attempt as failed before it is known; return until when it is refused instead, None when it is not.

    Whoever tries many passwords at once has each of them counted, whatever comes of it.
    """
    row = _locked(session, accounts, subject, now)
    if row.locked_until is not None and row.locked_until > now:
        return row.locked_until
    policy = _policy(subject)
    row.failures = row.failures + 1 if now - row.last_at < policy.forget else 1
    row.last_at, row.locked_until = now, policy.locked_until(row.failures, now)
    return None


def take_back(session: Session, accounts: Accounts, subject: str, now: datetime) -> None:
    """Let an attempt that succeeded not count for its address."""
    row = _locked(session, accounts, subject, now)
    row.failures, row.locked_until = max(row.failures - 1, 0), None


def forget(session: Session, accounts: Accounts, subject: str) -> bool:
    """Forget all failures; say whether there were any."""
    row = session.get(accounts.lockout, subject)
    if row is not None:
        session.delete(row)
    return row is not None


def locked_until(session: Session, accounts: Accounts, subject: str, now: datetime) -> datetime | None:
    """Return until when a user name or an address is locked out, None when it is not."""
    row = session.get(accounts.lockout, subject)
    return row.locked_until if row is not None and row.locked_until and row.locked_until > now else None


def prune(session: Session, accounts: Accounts, now: datetime) -> None:
    """Forget what counts no more."""
    session.execute(delete(accounts.lockout).where(accounts.lockout.last_at < now - OF_USER.forget))


def _policy(subject: str) -> Policy:
    return OF_USER if subject.startswith("user:") else OF_SOURCE


def _locked(session: Session, accounts: Accounts, subject: str, now: datetime) -> WebLockoutColumns:
    """Return the row of a subject, made if needed and kept from others until the transaction ends."""
    insert_or_lock(session, accounts.lockout, subject=subject, failures=0, last_at=now)
    query = select(accounts.lockout).where(accounts.lockout.subject == subject)
    return session.scalars(query.execution_options(populate_existing=True)).one()
