"""The mail that tells of open alerts: one digest, not one mail each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

MOST_IN_FULL = 50
_WIDEST = 4000


@dataclass(frozen=True, slots=True)
class Item:
    """One alert as the mail tells it; ``patient`` is None unless a setting says otherwise."""

    alert_id: str
    kind: str
    opened_at: datetime
    text: str
    action: str
    patient: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """From whom and to whom; ``place`` is the practice's ODS code and ``daemon`` the command that has the alerts."""

    daemon: str
    place: str
    sender: str
    recipients: tuple[str, ...]


def compose(letterhead: Letterhead, items: Sequence[Item], now: datetime) -> EmailMessage:
    """Return the mail about ``items``, the newest last.

    The same items give the same Message-ID, so that a repetition is recognised. The headers hold nothing that came
    from a message or a consultation.
    """
    number = f"{len(items)} alerts" if len(items) > 1 else "an alert"
    message = EmailMessage(policy=SMTP)
    message["From"] = letterhead.sender
    message["To"] = ", ".join(letterhead.recipients)
    message["Subject"] = f"{letterhead.daemon} at {letterhead.place}: {number} for a person to look at"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = _message_id(letterhead, items)
    # RFC 3834: no out-of-office reply is wanted
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_body(letterhead, items), cte="quoted-printable")
    return message


def _message_id(letterhead: Letterhead, items: Sequence[Item]) -> str:
    named = "\n".join(sorted(item.alert_id for item in items))
    domain = letterhead.sender.rpartition("@")[2]
    return f"<{hashlib.sha256(named.encode()).hexdigest()[:40]}@{domain}>"


def _body(letterhead: Letterhead, items: Sequence[Item]) -> str:
    lines = [_paragraph(letterhead, item) for item in items[:MOST_IN_FULL]]
    left_out = len(items) - len(lines)
    if left_out:
        lines.append(f"{left_out} more alerts are not shown here.")
    lines.append(
        f"`{letterhead.daemon} alerts` lists what is open by now; some may have been settled since this was written."
    )
    return "\n\n".join(lines) + "\n"


def _paragraph(letterhead: Letterhead, item: Item) -> str:
    who = f"Patient: {_flat(item.patient)}\n" if item.patient else ""
    return (
        f"{item.kind}, since {item.opened_at:%Y-%m-%d %H:%M} UTC\n{_flat(item.text)}\n{who}"
        f"What to do: {_flat(item.action)}\n"
        f'When it is settled: {letterhead.daemon} alerts close {item.alert_id} --reason "..."'
    )


def _flat(text: str) -> str:
    """Return ``text`` on one line: nothing in it can look like another alert."""
    return " ".join(text.split())[:_WIDEST]
