"""For administrators: who looked at what, and who may use these pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from shared.identifiers import NhsNumber
from shared.presentation import audit_json
from shared.web import lockouts, users
from shared.web.roles import Role
from shared.web.site import Page, Visit

_LINES: Final = 200
_LONGEST: Final = 255
# ten digits that stand alone, whatever parts them; in the ids of records they do not
_NHS_NUMBER: Final = re.compile(r"(?<![\w-])\d(?:[\s-]*\d){9}(?![\w-])", re.ASCII)


def audit(visit: Visit[Any]) -> Response:
    """Show the newest lines of the audit, all or about one record; to read it is audited, too."""
    app, subject_id = visit.app, visit.query("subject").strip() or None
    fault = _fault(subject_id or "")
    if fault:
        return _shown(visit, [], status=422, faults={"subject": fault})
    with app.database.transaction() as session:
        rows = [audit_json(line) for line in app.audit.listing(session, subject_id=subject_id, limit=_LINES)]
        app.audit.record(session, visit.who, "audit_listed", app.clock(), subject_id=subject_id)
    return _shown(visit, rows, subject_id=subject_id or "")


def audit_of_patient(visit: Visit[Any]) -> Response:
    """Show the newest lines about one patient: a patient may ask who looked. The number comes in a form."""
    app = visit.app
    try:
        number = NhsNumber(visit.value("nhs_number"))
    except ValueError as error:
        return _shown(visit, [], status=422, faults={"nhs_number": f"What was typed {error}"})
    with app.database.transaction() as session:
        rows = [audit_json(line) for line in app.audit.listing(session, nhs_number=number, limit=_LINES)]
        app.audit.record(session, visit.who, "audit_searched", app.clock(), nhs_number=number)
    return _shown(visit, rows)


def _shown(visit: Visit[Any], rows: Sequence[Mapping[str, Any]], **more: Any) -> Response:
    return visit.render("audit.html", rows=rows, most=_LINES, typed=visit.form, **more)


def _fault(subject_id: str) -> str | None:
    if len(subject_id) > _LONGEST:
        return f"No record has an id of more than {_LONGEST} characters"
    if _NHS_NUMBER.search(subject_id):
        return "This is an NHS number, not the id of a record: it belongs in the other field"
    return None


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
    Page("POST", "/audit", Role.ADMIN, audit_of_patient),
    Page("GET", "/users", Role.ADMIN, list_users),
    Page("POST", "/users/unlock", Role.ADMIN, unlock),
)
