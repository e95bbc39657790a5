"""The reports: lists of them, each one with its story, and its documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from federated_sender.app import Sender
from federated_sender.states import TRANSITIONS, Event, State
from federated_sender.web import route
from federated_sender.web.again import REISSUE, RESEND
from federated_sender.web.visits import SenderVisit, desk_of, report_of
from federated_sender.web.words import GROUPS, OVERDUE, group_of, how_many, standing, which_documents
from shared.export import DocumentFile, file_name
from shared.itk3.attachments import Kind, kind_of_type
from shared.web.advice import advise
from shared.web.documents import response
from shared.web.roles import Role
from shared.web.site import Page

_A_PAGE: Final = 50
REPORT: Final = file_name(1, "application/pdf")


def listing(visit: SenderVisit) -> Response:
    """Show reports, newest first: all of them or a group, a page at a time."""
    desk, group = desk_of(visit), group_of(visit.query("show"))
    number = visit.page()
    offset = (number - 1) * _A_PAGE
    if group is OVERDUE:
        found = desk.overdue(_A_PAGE + 1, offset)
    else:
        found = desk.reports(group.states, limit=_A_PAGE + 1, offset=offset)
    states, overdue = desk.counts()
    groups = [(each, how_many(each, states, overdue)) for each in GROUPS]
    more = len(found) > _A_PAGE
    return visit.render(
        "reports.html", reports=found[:_A_PAGE], group=group, groups=groups, number=number, more=more, standing=standing
    )


def show(visit: SenderVisit) -> Response:
    """Show one report: whom it is about, how it stands, what to do, and everything that happened to it."""
    report = desk_of(visit).report(report_of(visit))
    alerts = [(alert, advise(visit.site.advice, alert, None)) for alert in report["alerts"]]
    documents = which_documents(report["was_sent"])
    return visit.render(
        "report.html", report=report, alerts=alerts, standing=standing(report), documents=documents, may=_may(report)
    )


def list_documents(visit: SenderVisit) -> Response:
    """List the documents of a report, and say whether they were sent."""
    report_id = report_of(visit)
    found, sent = desk_of(visit).documents(report_id)
    return visit.render("documents.html", report_id=report_id, documents=found, heading=which_documents(sent)[1])


def document(visit: SenderVisit) -> Response:
    """Give out one document as it was built: the report to be looked at, for it is ours."""
    name = visit.parameter("name")
    found = desk_of(visit).document(report_of(visit), name)
    # what the clinical system attached, nobody has judged
    active = name != REPORT and kind_of_type(found.content_type) is Kind.PDF
    return response(DocumentFile(name, found.content_type, found.data, active), download=visit.query("download") == "1")


def retry(visit: SenderVisit) -> Response:
    """Take a report back into work that had been set aside."""
    report_id = report_of(visit)
    desk_of(visit).retry(report_id)
    return visit.go(f"/reports/{report_id}")


def _may(report: Mapping[str, Any]) -> dict[str, bool]:
    """Return what can be done with a report, as far as its record tells."""
    state = State(report["state"])
    return {
        "resend": Event.RESENT in TRANSITIONS[state] and not (report["deleted_at"] or report["pruned_at"]),
        "reissue": state not in (State.WAITING, State.QUEUED),
        "route": not (report["deleted_at"] or report["pruned_at"]),
        "retry": report["parked_at"] is not None,
        "open": report["version"] is not None and report["pruned_at"] is None,
    }


PAGES: Final[tuple[Page[Sender], ...]] = (
    Page("GET", "/reports", Role.VIEWER, listing),
    Page("GET", "/reports/{report_id:uuid}", Role.VIEWER, show),
    Page("POST", "/reports/{report_id:uuid}/retry", Role.CLERK, retry),
    Page("GET", "/reports/{report_id:uuid}/resend", Role.CLERK, RESEND.ask),
    Page("POST", "/reports/{report_id:uuid}/resend", Role.CLERK, RESEND.do),
    Page("GET", "/reports/{report_id:uuid}/reissue", Role.CLERK, REISSUE.ask),
    Page("POST", "/reports/{report_id:uuid}/reissue", Role.CLERK, REISSUE.do),
    Page("GET", "/reports/{report_id:uuid}/route", Role.CLERK, route.ask),
    Page("POST", "/reports/{report_id:uuid}/route", Role.CLERK, route.do),
    Page("GET", "/reports/{report_id:uuid}/documents", Role.CLERK, list_documents),
    Page("GET", "/reports/{report_id:uuid}/documents/{name}", Role.CLERK, document),
)
