"""The text of an alert about a report: which report it is, what happened, and what MESH knows of it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from federated_sender import tracking
from federated_sender.responses import AlertNeed


class Named(tracking.LookedUp, Protocol):
    """What an alert says of a report; nothing of it is patient data."""

    @property
    def report_id(self) -> str:
        """Our id."""

    @property
    def version(self) -> int | None:
        """None until the message's bytes are stored."""

    @property
    def recipient_ods_code(self) -> str | None:
        """The registered practice."""

    @property
    def infrastructure_code(self) -> str | None:
        """The infrastructure response, None until it came."""

    @property
    def business_code(self) -> str | None:
        """The business response, None until it came."""


def alert_text(report: Named, need: AlertNeed) -> str:
    """Return the text of the alert that ``need`` asks for."""
    parts = [f"Report {report.report_id}"]
    if report.version is not None:
        parts.append(f"version {report.version}")
    if report.recipient_ods_code is not None:
        parts.append(f"to practice {report.recipient_ods_code}")
    parts.append(_sent(report.sent_at))
    # an answer says more than tracking does
    silent = report.infrastructure_code is None and report.business_code is None
    known = tracking.sentence(report) if silent else None
    return " ".join(filter(None, (f"{', '.join(parts)}.", need.text, known)))


def _sent(at: datetime | None) -> str:
    return "not sent" if at is None else f"sent {at:%Y-%m-%d %H:%M} UTC"
