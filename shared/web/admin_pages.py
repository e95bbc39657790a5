"""For administrators: who looked at what, and who may use these pages."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from shared.presentation import audit_json
from shared.web import lockouts, users
from shared.web.roles import Role
from shared.web.site import Page, Visit

_LINES: Final = 200


def audit(visit: Visit[Any]) -> Response:
    """Show the newest lines of the audit, all or about one record; to read it is audited, too."""
    app, subject_id = visit.app, visit.query("subject").strip() or None
    with app.database.transaction() as session:
        rows = [audit_json(line) for line in app.audit.listing(session, subject_id=subject_id, limit=_LINES)]
        app.audit.record(session, visit.who, "audit_listed", app.clock(), subject_id=subject_id)
    return visit.render("audit.html", rows=rows, subject_id=subject_id or "", most=_LINES)


def list_users(visit: Visit[Any]) -> Response:
    """Show who may use these pages, and who is locked out."""
    app, now = visit.app, visit.app.clock()
    with app.database.snapshot() as session:
        rows = [
            (user, lockouts.locked_until(session, app.accounts, lockouts.of_user(user.user_name), now))
            for user in users.listing(session, app.accounts)
        ]
    return visit.render("users.html", rows=rows)


def unlock(visit: Visit[Any]) -> Response:
    """Let a user try again at once who failed to sign in too often."""
    app, name = visit.app, users.normal(visit.value("name"))
    with app.database.transaction() as session:
        users.unlock(session, app.accounts, name)
        app.audit.record(session, visit.who, "user_unlocked", app.clock(), subject_id=name)
    return visit.go("/users")


PAGES: Final[tuple[Page[Any], ...]] = (
    Page("GET", "/audit", Role.ADMIN, audit),
    Page("GET", "/users", Role.ADMIN, list_users),
    Page("POST", "/users/unlock", Role.ADMIN, unlock),
)
