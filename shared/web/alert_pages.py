"""What a person must look at: the alerts, and closing one with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.responses import Response

from shared.errors import CommandFailed
from shared.meanings.catalogue import is_known, meaning_of
from shared.presentation import alert_json
from shared.web.advice import Advice, advise
from shared.web.links import Link
from shared.web.roles import Role
from shared.web.site import Page, Visit


def listing(visit: Visit[Any]) -> Response:
    """Show the open alerts, or with ``?show=all`` closed ones too; newest first."""
    app, everything = visit.app, visit.query("show") == "all"
    with app.database.transaction() as session:
        app.audit.record(session, visit.who, "alerts_listed", app.clock())
        found = [alert_json(alert) for alert in app.alerts.listing(session)]
    shown = [alert for alert in found if everything or alert["closed_at"] is None]
    alerts = [(alert, advise(visit.site.advice, alert, None)) for alert in shown]
    return visit.render("alerts.html", alerts=alerts, everything=everything)


def show(visit: Visit[Any]) -> Response:
    """Show one alert, what its code means, and the form that closes it."""
    return _shown(visit)


def close(visit: Visit[Any]) -> Response:
    """Close an alert because a person says so, with the reason; one that is closed already is refused."""
    reason = visit.value("reason")
    if not reason:
        return _shown(visit, status=422, faults={"reason": "Say how it was settled"})
    app, alert_id, now = visit.app, visit.parameter("alert_id"), visit.app.clock()
    with app.database.transaction() as session:
        app.alerts.close_by_id(session, alert_id, now=now, by=visit.who.name, reason=reason)
        app.audit.record(session, visit.who, "alert_closed", now, subject_id=alert_id, reason=reason)
    return visit.go("/alerts")


def _shown(visit: Visit[Any], **more: Any) -> Response:
    app, wanted = visit.app, visit.parameter("alert_id")
    with app.database.transaction() as session:
        found = next((each for each in app.alerts.listing(session) if each.alert_id == wanted), None)
        if found is None:
            raise CommandFailed(f"there is no alert {wanted}")
        app.audit.record(session, visit.who, "alert_viewed", app.clock(), subject_id=wanted)
        alert = alert_json(found) | {"closed_by": found.closed_by, "closed_reason": found.closed_reason}
        advice, links = _advice(visit, session, alert)
    code = alert["code"]
    meaning = meaning_of(code) if code and is_known(code) else None
    return visit.render("alert.html", alert=alert, meaning=meaning, advice=advice, links=links, **more)


def _advice(visit: Visit[Any], session: Session, alert: Mapping[str, Any]) -> tuple[Advice, list[Link]]:
    """Return what to do, and the links that whoever looks may follow: the record first, nothing to do once closed."""
    records = visit.site.subject_links(session, alert["subject_id"])
    advice = advise(visit.site.advice, alert, records[0].path if records else None)
    links = [*records, *(advice.links if alert["closed_at"] is None else ())]
    return advice, [link for link in links if visit.may(link.role)]


PAGES: Final[tuple[Page[Any], ...]] = (
    Page("GET", "/alerts", Role.VIEWER, listing),
    Page("GET", "/alerts/{alert_id}", Role.VIEWER, show),
    Page("POST", "/alerts/{alert_id}/close", Role.CLERK, close),
)
