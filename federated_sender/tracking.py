"""What MESH's tracking says of a report without an answer, and when it is worth asking."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

AGAIN_AFTER = timedelta(days=1)
"""MESH asks not to poll tracking: a report is looked up at most daily, but for the look before its alert."""
BEFORE_ALERT = timedelta(minutes=15)
"""How long before the overdue alert opens the report is looked up once more."""
FORGOTTEN_AFTER = timedelta(days=30)
"""How long MESH keeps a message; afterwards it may know nothing of it, and rightly so."""


class Tracked(StrEnum):
    """What became of a report as far as MESH knows; the words that ``show`` and ``status`` use."""

    NOT_COLLECTED = "not_collected"
    """It lies in the registered practice's mailbox, or on the way there."""
    COLLECTED = "collected_no_answer"
    """The registered practice's system took it and has not answered."""
    UNDELIVERABLE = "undeliverable"
    """MESH could not deliver it."""
    UNKNOWN_TO_MESH = "unknown_to_mesh"
    """MESH has no record of it, although it took it."""
    UNCLEAR = "unclear"
    """MESH said something else, or nothing that can be read."""


_STATUSES = {
    "accepted": Tracked.NOT_COLLECTED,
    "uploading": Tracked.NOT_COLLECTED,
    "acknowledged": Tracked.COLLECTED,
    "undeliverable": Tracked.UNDELIVERABLE,
    "error": Tracked.UNDELIVERABLE,
}
_SENTENCES = {
    Tracked.NOT_COLLECTED: "the registered practice has never collected it from its mailbox",
    Tracked.COLLECTED: "the registered practice's system collected it and has not answered",
    Tracked.UNDELIVERABLE: "it could not be delivered",
    Tracked.UNKNOWN_TO_MESH: "nothing is known of it",
    Tracked.UNCLEAR: "nothing certain is known of it",
}


class LookedUp(Protocol):
    """A report with what its last look-up gave."""

    @property
    def sent_at(self) -> datetime | None:
        """When MESH took it; the look-ups of an earlier send do not count."""

    @property
    def tracking_status(self) -> str | None:
        """What MESH said, as a word of :class:`Tracked`."""

    @property
    def tracked_at(self) -> datetime | None:
        """When MESH was asked last."""


def read_status(status: str) -> Tracked:
    """Return what a status of MESH's tracking means."""
    return _STATUSES.get(status.strip().lower(), Tracked.UNCLEAR)


def tracked(report: LookedUp) -> Tracked | None:
    """Return what is known of the report as it was sent last; None when MESH was not asked or did not answer."""
    asked = report.tracked_at is not None and report.sent_at is not None and report.tracked_at >= report.sent_at
    return Tracked(report.tracking_status) if asked and report.tracking_status else None


def sentence(report: LookedUp) -> str | None:
    """Return what MESH knows of the report, for people; None when that is nothing."""
    known = tracked(report)
    if known is None or report.tracked_at is None:
        return None
    return f"MESH's tracking at {report.tracked_at:%Y-%m-%d %H:%M} UTC: {_SENTENCES[known]}."
