"""Finds out who asks, and whether they may; turns what goes wrong into a page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from shared.db import DATABASE_AWAY
from shared.errors import CommandFailed
from shared.log import Event, describe, emit
from shared.web import sessions, users
from shared.web.events import REQUEST_FAILED, REQUEST_REFUSED
from shared.web.forms import is_ours
from shared.web.headers import is_cross_site
from shared.web.page_words import in_page_words
from shared.web.roles import Role
from shared.web.site import A, Page, SignedIn, Site, Visit

LOGIN: Final = "/login"
_WORDS: Final = {
    400: ("This request cannot be read", "Go back and try again."),
    403: ("You may not do this", "Your role does not allow it. Ask whoever runs this service if you need it."),
    404: ("There is no such page", "Check the address, or begin at the front page."),
    405: ("There is no such page", "Check the address, or begin at the front page."),
    408: ("This came too slowly", "Nothing was changed. Try again; if it goes on, tell whoever runs this service."),
    413: ("This is too much at once", "Write less and try again."),
    500: ("Something went wrong", "Nothing was changed. Try again; if it goes on, tell whoever runs this service."),
    503: ("The database does not answer", "Nothing was changed. Try again in a minute."),
}
_REFUSED: Final = {404: "It is not here", 409: "It was not done"}
_FORM_IS_OLD: Final = (
    "This form is no longer valid",
    "Nothing was changed. Open the page again and repeat what you did.",
)
_STRANGER: Final = ("You are not known here", "Ask whoever runs this service to add you with `users add`.")


def visit_of(site: Site[A], request: Request, form: Mapping[str, str]) -> Visit[A]:
    """Return a request as a visit of nobody yet."""
    token = request.cookies.get(site.cookie, "")
    fresh = not sessions.is_token(token)
    return Visit(request, site, None, form, sessions.new_token() if fresh else token, fresh)


def answer(page: Page[A], visit: Visit[A]) -> Response:
    """Return what ``page`` answers, or why it does not."""
    app = visit.app
    try:
        visit.user = _by_header(visit) if app.settings.web_user_header else _by_session(visit, app.clock())
        return _refusal(page, visit) or page.answer(visit)
    except CommandFailed as refusal:
        status = 404 if page.method == "GET" else 409
        return error(visit, status, _REFUSED[status], in_page_words(str(refusal)))
    except DATABASE_AWAY:
        return error_of(visit, 503)
    except Exception as fault:  # noqa: BLE001 - a traceback could quote patient data
        emit(REQUEST_FAILED, route=page.route, error=describe(fault))
        return error_of(visit, 500)


def error_of(visit: Visit[A], status: int) -> Response:
    """Return the page for an HTTP status."""
    return error(visit, status, *_WORDS.get(status, _WORDS[400]))


def error(visit: Visit[A], status: int, heading: str, words: str) -> Response:
    """Return a page that says what is wrong and what to do."""
    return visit.render("error.html", status=status, heading=heading, words=words)


def _refusal(page: Page[A], visit: Visit[A]) -> Response | None:
    if page.role is not None and visit.user is None:
        return _to_be_signed_in(page, visit)
    if page.role is not None and not visit.may(page.role):
        _refused(visit, page, "role")
        return error_of(visit, 403)
    if page.method == "POST" and (is_cross_site(visit.request.headers) or not is_ours(visit.form, visit.token)):
        _refused(visit, page, "form")
        return error(visit, 403, *_FORM_IS_OLD)
    return None


def _to_be_signed_in(page: Page[A], visit: Visit[A]) -> Response:
    if visit.app.settings.web_user_header:
        return error(visit, 403, *_STRANGER)
    if page.method == "GET" or not page.loses_work:
        return visit.go(LOGIN)
    # whoever sent it must not take it for done
    return visit.render("login.html", status=403, signed_out=True)


def _refused(visit: Visit[A], page: Page[A], reason: str, event: Event = REQUEST_REFUSED) -> None:
    user = visit.user.name if visit.user else None
    emit(event, reason=reason, user=user, route=page.route, source=visit.source)


def _by_session(visit: Visit[A], now: datetime) -> SignedIn | None:
    if visit.fresh:
        return None
    app, accounts = visit.app, visit.app.accounts
    with app.database.snapshot() as session:
        row = sessions.find(session, accounts, visit.token, visit.site.limits, now)
        user = users.active(session, accounts, row.user_name) if row is not None else None
    if row is None or user is None:
        return None
    if sessions.is_seen_long_ago(row, now):
        # what cannot be noted costs a sign-in earlier than need be, and no page
        with suppress(*DATABASE_AWAY), app.database.transaction() as session:
            sessions.seen(session, accounts, visit.token, now)
    return SignedIn(user.user_name, Role(user.role))


def _by_header(visit: Visit[A]) -> SignedIn | None:
    """Return whom the reverse proxy names; nobody when the header stands there twice."""
    app = visit.app
    named = visit.request.headers.getlist(app.settings.web_user_header or "")
    if len(named) != 1:
        return None
    with app.database.snapshot() as session:
        user = users.active(session, app.accounts, named[0])
        return SignedIn(user.user_name, Role(user.role)) if user is not None else None
