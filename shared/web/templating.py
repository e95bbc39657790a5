"""Turns records into pages: Jinja with escaping always on, and the few filters that pages need."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import BaseLoader, ChainableUndefined, ChoiceLoader, Environment, PackageLoader

from shared.presentation import printable
from shared.web.page_words import in_page_words

_LONDON: Final = ZoneInfo("Europe/London")


@cache
def environment(package: str) -> Environment:
    """Return the templates of ``package``, of this one, and of the NHS.UK frontend."""
    own: list[BaseLoader] = [PackageLoader(package), PackageLoader("shared.web"), PackageLoader("nhsuk_frontend_jinja")]
    # what the frontend's macros are not told is undefined, and they ask for it all the same
    found = Environment(
        loader=ChoiceLoader(own),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "moment": moment,
        "day": day,
        "spaced": spaced,
        "printable": printable,
        "in_page_words": in_page_words,
    }
    return found


def moment(value: datetime | str | None) -> str:
    """Return a time, RFC 3339 or as it is, as people at the practice read it; empty when there is none."""
    if not value:
        return ""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = at.astimezone(_LONDON)
    return f"{local.day} {local:%B %Y}, {local:%H:%M}"


def day(value: str | None) -> str:
    """Return an ISO date as people read it; empty when there is none."""
    if not value:
        return ""
    on = datetime.fromisoformat(value)
    return f"{on.day} {on:%B %Y}"


def spaced(nhs_number: str | None) -> str:
    """Return an NHS number in groups of three, three and four digits; anything else as it is."""
    number = nhs_number or ""
    return f"{number[:3]} {number[3:6]} {number[6:]}" if len(number) == 10 else number
