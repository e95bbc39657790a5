"""Says in the words of the pages what the catalogue of codes and refusals say with commands."""

from __future__ import annotations

import re
from typing import Final

# in this order: a longer phrase before one that stands within it
PHRASES: Final = (
    ("`export` has the message", "whoever runs this service can take the message out"),
    ("If `check --online` is content", "If whoever runs this service finds the connection in order"),
    ("Run `check --online`:", "Whoever runs this service looks at the connection:"),
    ("run `route`", "name the registered practice"),
    ("`reissue` the consultation", "reissue the report"),
    ("then `reissue`", "then reissue the report"),
    ("`reissue` makes", "reissuing the report makes"),
    ("`reissue` takes", "reissuing the report takes"),
    ("`resend` the report", "resend the report"),
    ("run `patients import` first", "whoever runs this service imports the practice's patients first"),
)


_SHOW: Final = re.compile(r"`show [^`]*`")


def in_page_words(text: str) -> str:
    """Return ``text`` without the names of commands; what is in no phrase of ours stays as it is."""
    for command, page in PHRASES:
        text = text.replace(command, page)
    return _SHOW.sub("the page of the report", text)
