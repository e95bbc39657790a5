"""For each row of the table, ways to break a good message so that this row, and no earlier one, fails.

The ways themselves are the harness's, which posts them to other suppliers' systems.
"""

from __future__ import annotations

from typing import Any

from shared.harness.breakages import BODIES as POSTED
from shared.harness.breakages import ENVELOPE, Breakage, Spoil, add, both, change, data, remove, repeat
from shared.harness.document_breakages import DOCUMENT
from shared.harness.task_breakages import TASK
from shared.itk3.rule import Replaced

__all__ = [
    "ALL",
    "BODIES",
    "CONTEXTS",
    "DOCUMENT",
    "REPLACEMENTS",
    "Spoil",
    "add",
    "both",
    "change",
    "data",
    "remove",
    "repeat",
]

ALL: list[Breakage] = [*ENVELOPE, *TASK]

# MESH takes no empty body, so the harness cannot post one
BODIES: list[tuple[str, str, bytes]] = [*POSTED, ("not-empty", "10009", b"")]
CONTEXTS: list[tuple[str, str, dict[str, Any]]] = [
    ("new-message", "20007", {"message_processed": True}),
    ("new-document", "20008", {"payload_processed": True}),
]
# what no message shows by itself: the original that a replacement names is another one than it should be
REPLACEMENTS: list[tuple[str, str, Replaced]] = [
    ("replaced-consultation", "20014", Replaced("another consultation", frozenset())),
    (
        "replaced-practice",
        "20014",
        Replaced("2f0b7f6e-61a5-4b0e-9b46-0d4a7a0b7a11", frozenset({"9690937278"}), "X99999"),
    ),
    ("replaced-patient", "20014", Replaced("2f0b7f6e-61a5-4b0e-9b46-0d4a7a0b7a11", frozenset({"9990000018"}))),
]
