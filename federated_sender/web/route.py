"""Naming the registered practice of a consultation's patient: a page with a choice of practices that asks why."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from federated_sender.web.visits import SenderVisit, desk_of, patient_of, report_of
from shared.errors import CommandFailed
from shared.web.page_words import in_page_words


def ask(visit: SenderVisit) -> Response:
    """Show whom it is about, the practices of the federation, and the form."""
    return _form(visit, 200, {})


def do(visit: SenderVisit) -> Response:
    """Name the practice, or say why not; lead to the version that goes there (decision 39)."""
    practice, reason = visit.value("practice"), visit.value("reason")
    faults = {} if practice in _practices(visit) else {"practice": "Choose the registered practice"}
    if not reason:
        faults["reason"] = "Say how you know"
    if faults:
        return _form(visit, 422, faults)
    report_id = report_of(visit)
    try:
        waiting = desk_of(visit).route(report_id, practice, reason, patient=patient_of(visit))
    except CommandFailed as refusal:
        words = in_page_words(str(refusal))
        return _form(visit, 409, {"practice": words[:1].upper() + words[1:]})
    return visit.go(f"/reports/{waiting.report_id if waiting else report_id}")


def _form(visit: SenderVisit, status: int, faults: Mapping[str, str]) -> Response:
    report = desk_of(visit).report(report_of(visit))
    chosen, reason = visit.value("practice"), visit.value("reason")
    shown = {"report": report, "faults": faults, "practices": _practices(visit), "chosen": chosen, "reason": reason}
    return visit.render("route.html", status=status, **shown)


def _practices(visit: SenderVisit) -> dict[str, str]:
    """Return the names of the practices that a report can go to, in their order, by ODS code."""
    sender = visit.app
    others = (each for each in sender.federation.values() if each.ods_code != sender.settings.practice_ods_code)
    return {each.ods_code: f"{each.name} ({each.ods_code})" for each in sorted(others, key=lambda each: each.name)}
