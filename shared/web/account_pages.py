"""Signing in and out."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from shared.log import emit
from shared.web import sessions
from shared.web.events import LOGGED_OUT
from shared.web.gate import LOGIN
from shared.web.login import Locked, log_in
from shared.web.roles import Role
from shared.web.site import Page, Visit
from shared.web.templating import moment


def front(visit: Visit[Any]) -> Response:
    """Lead to the first page of the navigation."""
    return visit.go(visit.site.navigation[0].path)


def ask(visit: Visit[Any]) -> Response:
    """Ask for name and password."""
    if visit.user is not None or visit.app.settings.web_user_header:
        return visit.go("/")
    return visit.render("login.html")


def sign_in(visit: Visit[Any]) -> Response:
    """Let somebody in, or say that name and password do not fit: never which of them."""
    if visit.app.settings.web_user_header:
        return visit.go("/")
    outcome = log_in(visit.app, visit.site.limits, visit.value("name"), visit.form.get("password", ""), visit.source)
    if isinstance(outcome, str):
        # whoever was signed in at this browser before is not any more
        with visit.app.database.transaction() as session:
            sessions.end(session, visit.app.accounts, visit.token)
        response = visit.go("/")
        visit.give(response, outcome)
        return response
    return visit.render("login.html", status=403, faults={"name": _why(outcome)})


def sign_out(visit: Visit[Any]) -> Response:
    """End the session."""
    with visit.app.database.transaction() as session:
        sessions.end(session, visit.app.accounts, visit.token)
    emit(LOGGED_OUT, user=visit.user.name if visit.user else None, source=visit.source)
    response = visit.go(LOGIN)
    visit.take(response)
    return response


def _why(outcome: Locked | None) -> str:
    if outcome is None:
        return "Name and password do not fit"
    # an address is nobody's to unlock
    instead = ", or ask an administrator to unlock you" if outcome.is_user else ""
    return f"Too many sign-ins failed. Try again after {moment(outcome.until)}{instead}"


PAGES: Final[tuple[Page[Any], ...]] = (
    Page("GET", "/", Role.VIEWER, front),
    Page("GET", LOGIN, None, ask),
    Page("POST", LOGIN, None, sign_in),
    Page("POST", "/logout", Role.VIEWER, sign_out, loses_work=False),
)
