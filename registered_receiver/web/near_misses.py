"""Near misses: what the report says beside who may be meant, and a person's decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.responses import Response

from registered_receiver import records
from registered_receiver.app import Receiver
from registered_receiver.reviews import ReviewChanged, candidate_number
from registered_receiver.tables import Review
from registered_receiver.web.tasks import desk_of
from shared.identifiers import NhsNumber
from shared.web.roles import Role
from shared.web.site import Page, Visit

_NOBODY: Final = "nobody"
_OTHER: Final = "other"
_UNKNOWN: Final = "No patient of this practice is known here by this NHS number. Nothing was decided: check the number"
_CHANGED: Final = "The patient index has changed since you opened this page. Nothing was decided: look again"


def listing(visit: Visit[Receiver]) -> Response:
    """Show the reports that wait for a person, newest first."""
    waiting = [records.review_json(review) for review in desk_of(visit).reviews()]
    return visit.render("near_misses.html", reviews=waiting)


def show(visit: Visit[Receiver]) -> Response:
    """Show one near miss, both sides side by side, with the form that decides it."""
    return _shown(visit)


def decide(visit: Visit[Receiver]) -> Response:
    """Decide a near miss as it was shown; what changed meanwhile is shown anew, and nothing is decided."""
    review_id, desk = visit.parameter("review_id"), desk_of(visit)
    reason, shown = visit.value("reason"), visit.value("shown")
    chosen = visit.value("choice")
    faults = _faults(visit, chosen, reason)
    if faults:
        return _shown(visit, status=422, faults=faults)
    try:
        if chosen == _NOBODY:
            desk.reject(review_id, reason, shown=shown)
        else:
            desk.match(review_id, _choosing(visit, chosen), reason or None, shown=shown)
    except ReviewChanged:
        return _shown(visit, status=409, faults={"choice": _CHANGED})
    return visit.go(f"/near-misses/{review_id}")


def _choosing(visit: Visit[Receiver], chosen: str) -> Callable[[Review], str]:
    if chosen == _OTHER:
        typed = NhsNumber(visit.value("nhs_number"))
        return lambda _review: typed
    return lambda review: candidate_number(review, int(chosen))


def _faults(visit: Visit[Receiver], chosen: str, reason: str) -> dict[str, str]:
    if chosen == _NOBODY:
        return {} if reason else {"reason": "Say why nobody here is meant"}
    if chosen == _OTHER:
        return _number_faults(visit)
    return {} if chosen.isdecimal() and len(chosen) < 6 else {"choice": "Choose who the patient is"}


def _number_faults(visit: Visit[Receiver]) -> dict[str, str]:
    try:
        number = NhsNumber(visit.value("nhs_number"))
    except ValueError as error:
        return {"nhs_number": f"What was typed {error}"}
    known = desk_of(visit).is_patient(number, visit.parameter("review_id"))
    return {} if known else {"nhs_number": _UNKNOWN}


def _shown(visit: Visit[Receiver], **more: Any) -> Response:
    review = desk_of(visit).review(visit.parameter("review_id"))
    return visit.render("near_miss.html", review=review, typed=visit.form, **more)


PAGES: Final[tuple[Page[Receiver], ...]] = (
    Page("GET", "/near-misses", Role.VIEWER, listing),
    Page("GET", "/near-misses/{review_id}", Role.CLERK, show),
    Page("POST", "/near-misses/{review_id}", Role.CLERK, decide),
)
