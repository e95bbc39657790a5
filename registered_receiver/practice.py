"""This practice: what the jobs must know of it, and its calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from registered_receiver.replies import Responder

_LONDON: Final = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class Practice:
    """This practice, as the jobs need to know it.

    ``max_message_size`` is in bytes. ``drops_tasks`` says that there is a directory for new tasks.
    """

    ods_code: str
    mailbox_id: str
    max_message_size: int
    match_review: bool
    drops_tasks: bool = False

    @property
    def responder(self) -> Responder:
        """Who answers."""
        return Responder(self.ods_code, self.mailbox_id)


def local_date(moment: datetime) -> date:
    """Return the date at the practice."""
    return moment.astimezone(_LONDON).date()
