"""The formats of FHIR STU3's primitive types, read strictly."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from datetime import UTC, date, datetime
from typing import Final

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PARTIAL_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2})?")
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def is_fhir_id(value: str | None) -> bool:
    """Say whether ``value`` is a FHIR ``id``."""
    return bool(value and _ID.fullmatch(value))


def read_date(value: str | None) -> date | None:
    """Return a full date, or None for anything else."""
    try:
        return date.fromisoformat(value) if value and _DATE.fullmatch(value) else None
    except ValueError:
        return None


def read_instant(value: str | None) -> datetime | None:
    """Return a time of day with a zone, in UTC, or None for anything else."""
    match = _INSTANT.fullmatch(value or "")
    if match is None:
        return None
    day, time, fraction, zone = match.groups(default="")
    zone = "+00:00" if zone == "Z" else zone
    try:
        return datetime.fromisoformat(f"{day}T{time}{fraction[:7]}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_date_time(value: str | None) -> datetime | None:
    """Return a FHIR ``dateTime`` in UTC; a year, month or day alone as its beginning. None for anything else."""
    if value and _PARTIAL_DATE.fullmatch(value):
        value = f"{value}-01-01"[:10]
    day = read_date(value)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else read_instant(value)


def read_base64(value: str | None) -> bytes | None:
    """Return the bytes, or None when ``value`` is not base64. White space between the letters is allowed."""
    try:
        return None if value is None else b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
