"""The two ways to send something of a consultation once more: pages with a form that asks why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from federated_sender.desk import Desk
from federated_sender.resending import DoneLately
from federated_sender.tables import Report
from federated_sender.web.visits import SenderVisit, desk_of, patient_of, report_of
from shared.errors import CommandFailed, InvalidConsultation
from shared.web.page_words import in_page_words


@dataclass(frozen=True)
class Repeat:
    """One of them: its page, its name, and what does it."""

    template: str
    repeat: Callable[[Desk, str, str, bool, str], Report]

    def ask(self, visit: SenderVisit) -> Response:
        """Show whom it is about, what will happen, and the form."""
        return self._form(visit, 200, {})

    def do(self, visit: SenderVisit) -> Response:
        """Do it, or say why not: with the form again, and what was typed still in it."""
        reason, again = visit.value("reason"), visit.value("again") == "yes"
        if not reason:
            return self._form(visit, 422, {"reason": "Say why"})
        try:
            report = self.repeat(desk_of(visit), report_of(visit), reason, again, patient_of(visit))
        except DoneLately as refusal:
            return self._form(visit, 409, {"again": f"{_sentence(refusal.what)}. Tick the box to do it all the same"})
        except InvalidConsultation as refusal:
            return self._form(visit, 409, {"reason": f"The row cannot be sent as it is: {_listed(refusal)}"})
        except CommandFailed as refusal:
            return self._form(visit, 409, {"reason": _sentence(in_page_words(str(refusal)))})
        return visit.go(f"/reports/{report.report_id}")

    def _form(self, visit: SenderVisit, status: int, faults: Mapping[str, str]) -> Response:
        report = desk_of(visit).report(report_of(visit))
        # the box is there for whoever was refused without it
        offered = "again" in faults or visit.value("again") == "yes"
        return visit.render(
            self.template, status=status, report=report, faults=faults, reason=visit.value("reason"), offered=offered
        )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _listed(refusal: InvalidConsultation) -> str:
    return "; ".join(str(fault) for fault in refusal.faults)


RESEND: Final = Repeat("resend.html", lambda desk, report, why, again, _: desk.resend(report, why, again))
REISSUE: Final = Repeat(
    "reissue.html", lambda desk, report, why, again, patient: desk.reissue(report, why, again, patient=patient)
)
