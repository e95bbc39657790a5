"""Whose turn it is to look into the mailbox: one process's at a time, by a lease that ends by itself (0021)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import or_, select, update

from shared.clock import Clock
from shared.db import DATABASE_AWAY, Database
from shared.inserts import insert_once
from shared.mesh.connection import LONGEST_CALL
from shared.tables import PollerColumns

# longer than any one call takes (decision 41); it is renewed between the calls
LEASE: Final = LONGEST_CALL + timedelta(seconds=10)
"""So long after the end of a process that had the turn another one looks into the mailbox."""

# a process whose clock was ahead may have died with the turn; clocks of two computers differ by less than a lease
_TOO_FAR_AHEAD: Final = 2 * LEASE
_RENEW_AFTER: Final = timedelta(seconds=20)
_ROW: Final = 1


@dataclass
class Turn:
    """This process's part in taking turns; ``row`` is the table whose one row says who has the turn.

    A process that is slower than its lease loses the turn. Then two look at once, which does no harm: a message is
    kept once, whoever brings it.
    """

    database: Database
    row: type[PollerColumns]
    clock: Clock
    _holder: str = field(default_factory=lambda: str(uuid4()))
    _taken_at: datetime | None = None

    def take(self) -> bool:
        """Take the turn, or keep it for longer; say False when another process has it."""
        now = self.clock()
        row = self.row
        over = or_(row.lease_until.is_(None), row.lease_until <= now, row.lease_until > now + _TOO_FAR_AHEAD)
        free = or_(row.holder == self._holder, over)
        with self.database.transaction() as session:
            insert_once(session, row, id=_ROW)
            mine = session.scalars(select(row).where(row.id == _ROW, free).with_for_update()).one_or_none()
            if mine is None:
                return False
            mine.holder, mine.lease_until = self._holder, now + LEASE
        self._taken_at = now
        return True

    def is_over(self) -> bool:
        """Say whether another process took the turn meanwhile; ask between two calls to MESH: that renews the lease."""
        passed = self.clock() - self._taken_at if self._taken_at is not None else LEASE
        if timedelta(0) <= passed < _RENEW_AFTER:
            return False
        return not self.take()

    def give_back(self) -> None:
        """Let another process have the turn; where the database is away the lease ends by itself."""
        row = self.row
        with suppress(*DATABASE_AWAY), self.database.transaction() as session:
            session.execute(update(row).where(row.id == _ROW, row.holder == self._holder).values(lease_until=None))
