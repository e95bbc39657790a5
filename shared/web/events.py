"""The log lines of the web pages; they name users, never patients."""

from __future__ import annotations

from typing import Final

from shared.log import Event

WEB_STARTED: Final = Event("web.started", "info", ("address",), "The pages are served at `address`.")
WEB_STOPPED: Final = Event("web.stopped", "info", (), "The pages are served no more; a signal came.")
LOGGED_IN: Final = Event("web.logged_in", "info", ("user", "role", "source"), "Somebody signed in.")
LOGGED_OUT: Final = Event("web.logged_out", "info", ("user", "source"), "Somebody signed out.")
LOGIN_FAILED: Final = Event(
    "web.login_failed",
    "warning",
    ("user", "source"),
    "A sign-in failed. Without `user` the name is nobody's; it is not repeated, since it may be a password.",
    "If it repeats, ask the user, or look who sits at `source`.",
)
LOCKED_OUT: Final = Event(
    "web.locked_out",
    "warning",
    ("of", "user", "source", "until"),
    "Too many sign-ins failed; until then none is tried for this user name, or from this address: `of` says which.",
    "Ask the user. `users unlock` lets them try again at once.",
)
REQUEST_REFUSED: Final = Event(
    "web.refused",
    "warning",
    ("reason", "user", "route", "source"),
    "A request was refused: its form did not come from our page, or the user's role is too small, or it came from"
    " another address than the reverse proxy's.",
    "Once is a page left open too long. If it repeats, look at `source`.",
)
REQUEST_FAILED: Final = Event(
    "web.failed",
    "error",
    ("route", "error"),
    "A page could not be answered for an unforeseen reason.",
    "If it repeats, report it with this line.",
)

EVENTS: Final = (
    *(WEB_STARTED, WEB_STOPPED, LOGGED_IN, LOGGED_OUT),
    *(LOGIN_FAILED, LOCKED_OUT, REQUEST_REFUSED, REQUEST_FAILED),
)
