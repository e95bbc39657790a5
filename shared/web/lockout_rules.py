"""When a failed sign-in locks its user name or its address out, and for how long: longer with each further failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Policy:
    """``free`` failures cost nothing; then the pause begins at ``first`` and doubles up to ``longest``.

    Failures count no more when the last is older than ``forget``.
    """

    free: int
    first: timedelta
    longest: timedelta
    forget: timedelta

    def locked_until(self, failures: int, now: datetime) -> datetime | None:
        """Return until when nobody may try again after this many failures; None is at once."""
        beyond = failures - self.free
        if beyond < 0:
            return None
        # a bounded exponent: the number of failures is not
        doubled: int = 2 ** min(beyond, 20)
        return now + min(self.first * doubled, self.longest)


OF_USER: Final = Policy(5, timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
# a whole practice may sit behind one address
OF_SOURCE: Final = Policy(30, timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1))
