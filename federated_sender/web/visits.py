"""A request to the sender's pages, and where it works."""

from __future__ import annotations

from typing import TypeAlias

from federated_sender.app import Sender
from federated_sender.desk import Desk
from shared.web.site import Visit

SenderVisit: TypeAlias = Visit[Sender]


def desk_of(visit: SenderVisit) -> Desk:
    """Return the desk of whoever is at the browser."""
    sender = visit.app
    return Desk(sender.database, sender.clock, sender.intake, sender.federation, visit.who)


def patient_of(visit: SenderVisit) -> str:
    """Return the NHS number that the page showed beside its form, empty when it showed none."""
    return visit.value("patient").replace(" ", "")


def report_of(visit: SenderVisit) -> str:
    """Return the id of the report that the address names; the route takes nothing but a UUID."""
    return str(visit.parameter("report_id"))
