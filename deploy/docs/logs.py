"""Writes ``docs/logs.md`` from the catalogues of events: ``make docs``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from federated_sender.events import EVENTS as SENDER
from registered_receiver.events import EVENTS as RECEIVER
from shared.catalogue import EVENTS as LIBRARY
from shared.log import catalogue_markdown

PAGE: Final = Path(__file__).parents[2] / "docs" / "logs.md"
_INTRODUCTION: Final = """\
# Log lines

Written by `make docs` from the catalogues in the code. Change those, not this page.

Both daemons log to stderr, one JSON object a line (`LOG_FORMAT=console` is for people). Every line has
`timestamp` (UTC), `level`, `daemon` and `event`, and those of the event's fields that have a value.

The list is closed, and so are the fields of each event. A field that an event does not name is dropped, and its
name appears in `dropped_fields`. No line holds patient data: ids and codes lead to the record, which
`show ID` prints.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join(
        (
            _INTRODUCTION,
            catalogue_markdown("Both daemons", LIBRARY),
            catalogue_markdown("`federated-sender`", SENDER),
            catalogue_markdown("`registered-receiver`", RECEIVER),
        )
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
