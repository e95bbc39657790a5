"""A day at a sender: one report in every state, so that every page has something to show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from tests.federated_sender import rows
from tests.federated_sender.bench import SenderBench, consultation

PATIENTS: Final = {
    "delivered": ("Ashdown", "9990002088"),
    "accepted": ("Dunmore", "9990002495"),
    "failed": ("Holmwood", "9990004382"),
    "overdue": ("Stanhope", "9990006148"),
    "not_required": ("Underhay", "9990004234"),
    "invalid": ("Yarrowdale", "9990005789"),
    "sent": ("Penhallow", "9990006105"),
    "waiting": ("Kettlewell", "9990002754"),
}


@dataclass(frozen=True)
class Day:
    """The report of each state; an overdue one is sent, too."""

    sender: SenderBench
    reports: dict[str, str]


def consultation_id(kind: str) -> str:
    return str(uuid5(NAMESPACE_OID, kind))


def patient(kind: str, **changes: Any) -> dict[str, Any]:
    """Return the consultation of the patient who stands for ``kind``."""
    family, nhs_number = PATIENTS[kind]
    known: dict[str, Any] = {"patient__family": family, "patient__nhs_number": nhs_number, "patient__given": ["Robin"]}
    return consultation(**({"consultation_id": consultation_id(kind)} | known | changes))


def play(sender: SenderBench) -> Day:
    """Play the day: it begins at 18:00, and ends at 03:00 two days later."""
    for family, nhs_number in PATIENTS.values():
        sender.mesh.register(nhs_number, date(1957, 1, 9), family, "BIRCHMB1")
    sender.enqueue(*(patient(kind) for kind in ("delivered", "accepted", "failed", "overdue")))
    sender.enqueue(patient("not_required", patient__registration_type="regular"))
    rows.write(sender, patient("invalid"), patient_nhs_number="1234567890")
    sender.pass_time(hours=4)
    sender.once()
    for kind, codes in {"delivered": ("20013", "30001"), "accepted": ("20013",), "failed": ("20013", "30003")}.items():
        for code in codes:
            answer(sender, kind, code)
    sender.once()
    sender.pass_time(hours=25)
    sender.enqueue(patient("sent"))
    sender.once()
    sender.enqueue(patient("waiting", updated_at=sender.now().isoformat()))
    sender.pass_time(hours=1)
    sender.once()
    kinds = {consultation_id(kind): kind for kind in PATIENTS}
    return Day(sender, {kinds[each["consultation_id"]]: each["report_id"] for each in sender.status()})


def answer(sender: SenderBench, kind: str, code: str) -> None:
    """Let the registered practice answer the report of ``kind``."""
    found = next(each for each in sender.status() if each["consultation_id"] == consultation_id(kind))
    sender.respond(code, found["message_id"], sender_reference=found["consultation_id"])
