"""Logs: one JSON line an event on stderr, with a closed list of events and fields, so patient data cannot pass.

Every event that a daemon logs is an :class:`Event` in a catalogue; ``docs/logs.md`` is written from it. A field
that the event does not name is dropped, and its name is logged instead.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TextIO

from shared.errors import MessagingError

if TYPE_CHECKING:
    import structlog

Level = Literal["debug", "info", "warning", "error"]

# libraries that log addresses, headers or content at some level: MESH addresses are patient data
_TALKATIVE = (
    "httpx",
    "httpcore",
    "weasyprint",
    "fontTools",
    "apscheduler",
    "alembic",
    "sqlalchemy",
    "tenacity",
    "uvicorn",
)


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line: what it means and what to do about it, for ``docs/logs.md``."""

    name: str
    level: Level
    fields: tuple[str, ...]
    meaning: str
    action: str = "Nothing."

    def __post_init__(self) -> None:
        # structlog keeps these for itself: a field of that name would end the step that logs it
        taken = {"event", "level", "timestamp", "daemon"} & set(self.fields)
        if taken:
            raise ValueError(f"{self.name} has a field of a reserved name")


def emit(event: Event, **fields: object) -> None:
    """Write one line for ``event``; None values are left out."""
    known = {name: value for name, value in fields.items() if name in event.fields and value is not None}
    unknown = sorted(fields.keys() - set(event.fields))
    if unknown:
        known["dropped_fields"] = unknown
    # a log that cannot be written must not undo, or seem to undo, what was done
    with suppress(OSError, ValueError):
        _logger().log(getattr(logging, event.level.upper()), event.name, **known)


def describe(error: BaseException) -> str:
    """Return one of our own errors in its words, any other by class and place: its text may quote patient data."""
    if isinstance(error, MessagingError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"


def configure(level: Level, style: Literal["json", "console"], daemon: str, stream: TextIO | None = None) -> None:
    """Set up the log of this process; ``daemon`` stands in every line."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL)
        logger.propagate = False
    target = stream or sys.stderr
    _wishes[:] = [lambda: _configure(level, style, daemon, target)]


# structlog takes a third of a short command's life, and most commands log nothing: the first line sets it up
_wishes: list[Callable[[], None]] = []


def _logger() -> structlog.typing.WrappedLogger:
    import structlog

    for wish in tuple(_wishes):
        wish()
        _wishes.clear()
    return structlog.get_logger()


def _configure(level: Level, style: Literal["json", "console"], daemon: str, target: TextIO) -> None:
    import structlog

    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _named(daemon),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )


def _named(daemon: str) -> structlog.typing.Processor:
    def add(
        _logger: structlog.typing.WrappedLogger, _method: str, line: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        line["daemon"] = daemon
        return line

    return add


def catalogue_markdown(title: str, events: tuple[Event, ...]) -> str:
    """Return the part of ``docs/logs.md`` that describes ``events``."""
    lines = [f"## {title}", "", "| event | level | fields | meaning | what to do |", "|---|---|---|---|---|"]
    for event in sorted(events, key=lambda e: e.name):
        fields = ", ".join(f"`{name}`" for name in event.fields)
        lines.append(f"| `{event.name}` | {event.level} | {fields} | {event.meaning} | {event.action} |")
    return "\n".join(lines) + "\n"
