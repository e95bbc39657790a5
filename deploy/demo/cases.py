"""The consultations of the demo's evening surgery, each with what must become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from deploy.demo.surgery import CEDAR, Case, Expected, Patient

ACCEPTED: Final = "20013"
FILED: Final = "30001"
LEFT_THE_PRACTICE: Final = "30003"
DELETED: Final = "deleted_after_sending"


def _delivered(version: int = 1, documents: int = 1, task: str = "open") -> Expected:
    return Expected("delivered", version, ACCEPTED, FILED, message="filed", task=task, documents=documents)


def _undelivered(code: str) -> Expected:
    return Expected("failed", reason=code, alert="undeliverable")


CASES: Final = (
    Case(
        "plain",
        Patient(
            "9990002088",
            "Mr",
            "Richard",
            "Ashdown",
            "1957-01-09",
            "male",
            "1 Quarry Rise",
            "Ashdown",
            ("Ashdown", "registered"),
        ),
        "Sore throat for three days, no fever",
        [_delivered()],
    ),
    Case(
        "two attachments",
        Patient(
            "9990002347",
            "Ms",
            "Zo\u00eb",
            "O\u2019Carroll-L\u00f8vland",
            "1988-02-29",
            "female",
            "22 Mill Brow",
            "O'Carroll-Lovland",
            ("O'Carroll-L\u00f8vland", "registered"),
        ),
        "Wheeze at night, peak flow diary and tracing attached",
        [_delivered(documents=3)],
        attached=True,
    ),
    Case(
        "updated later",
        Patient(
            "9990002495",
            "Mrs",
            "Margaret",
            "Dunmore",
            "1941-11-30",
            "female",
            "7 Orchard Bank",
            "Dunmore",
            ("Dunmore", "registered"),
        ),
        "Fell on the stairs, wrist tender",
        [_delivered(task="superseded"), _delivered(version=2)],
        later_note="Radiograph shows no fracture, advice given by telephone",
    ),
    Case(
        "late version",
        Patient(
            "9990006105",
            "Mr",
            "Idris",
            "Penhallow",
            "1953-07-19",
            "male",
            "6 Lock Keepers Row",
            "Penhallow",
            ("Penhallow", "registered"),
        ),
        "Palpitations after coffee, pulse regular now",
        [_delivered(task="superseded"), _delivered(version=2)],
        later_note="Electrolytes came back normal, letter sent home",
        overtaken=True,
    ),
    Case(
        "confidential",
        Patient(
            "9990002606",
            "Mr",
            "Owen",
            "Tregarth",
            "1999-06-15",
            "male",
            "3 Harbour Steps",
            "Tregarth",
            ("Tregarth", "registered"),
        ),
        "Wishes that nobody at home hears of this visit",
        [_delivered()],
        confidential=True,
    ),
    Case(
        "near miss",
        Patient(
            "9990002754",
            "Mrs",
            "Amina",
            "Kettlewell",
            "1972-04-03",
            "female",
            "15 Weavers Row",
            "Kettlewell",
            ("Farnborough", "registered"),
        ),
        "Migraine since noon, known from earlier years",
        [_delivered()],
    ),
    Case(
        "deleted in time",
        Patient(
            "9990006113",
            "Mr",
            "Lewis",
            "Garrowby",
            "1984-01-30",
            "male",
            "18 Tannery Lane",
            "Garrowby",
            ("Garrowby", "registered"),
        ),
        "Entered for somebody else by mistake",
        [Expected("not_required", None, reason="deleted")],
        deleted="waits",
    ),
    Case(
        "deleted too late",
        Patient(
            "9990006121",
            "Mrs",
            "Sorrel",
            "Blackwater",
            "1963-09-02",
            "female",
            "31 Ropewalk",
            "Blackwater",
            ("Blackwater", "registered"),
        ),
        "Stitches looked at, wound clean",
        [Expected("delivered", 1, ACCEPTED, FILED, message="filed", task="open", documents=1, alert=DELETED)],
        deleted="arrived",
    ),
    Case(
        "nobody collects it",
        Patient("9990006148", "Ms", "Wren", "Stanhope", "1990-05-23", "female", "2 Beacon View", "Stanhope"),
        "Ear syringed, hearing back",
        [Expected("sent", 1, alert="infrastructure_overdue", overdue="infrastructure")],
        practice=CEDAR,
    ),
    Case(
        "regular patient",
        Patient("9990004234", "Mr", "Colin", "Underhay", "1960-08-21", "male", "9 Station Parade", "Underhay"),
        "Repeat prescription discussed",
        [Expected("not_required", None, reason="regular_patient")],
        registration_type="regular",
    ),
    Case(
        "left the practice",
        Patient(
            "9990004382",
            "Miss",
            "Freya",
            "Holmwood",
            "2001-12-05",
            "female",
            "40 Canal Wharf",
            "Holmwood",
            ("Holmwood", "left"),
        ),
        "Insect bite on the forearm, swollen",
        [Expected("failed", 1, ACCEPTED, LEFT_THE_PRACTICE, LEFT_THE_PRACTICE, "unmatched", alert="negative_response")],
    ),
    Case(
        "unknown to MESH",
        Patient("9990004641", "Mr", "Piotr", "Nowakowski", "1979-03-17", "male", "12 Chapel Yard", None),
        "Cough after a cold, lungs clear",
        [_undelivered("EPL-153")],
    ),
    Case(
        "another surname",
        Patient(
            "9990004900",
            "Mrs",
            "Heather",
            "Wexcombe",
            "1966-10-10",
            "female",
            "5 Sheepfold Lane",
            "Marlesford",
            ("Wexcombe", "registered"),
        ),
        "Ankle twisted on the fells",
        [_undelivered("EPL-154")],
    ),
    Case(
        "invalid row",
        Patient("9990005789", "Mr", "Basil", "Yarrowdale", "1950-05-05", "male", "2 Peat Cottages", None),
        "Blood pressure taken twice",
        [Expected("invalid", None, reason="patient.nhs_number", alert="invalid")],
        by_sql=True,
    ),
)


def cases_of(payload: str) -> Sequence[Case]:
    """Return the consultations with what must become of them when ``payload`` is sent.

    A document of Send Document 2.0 may not be confidential: the report stays here, and a person is told.
    """
    withheld = [Expected("not_required", None, reason="confidential", alert="confidential")]
    if payload == "task":
        return CASES
    return [replace(case, expected=withheld) if case.confidential else case for case in CASES]
