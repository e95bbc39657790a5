"""Writes ``docs/codes.md`` from the catalogue of codes: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from shared.itk3.codes import Level, find
from shared.meanings.meaning import Meaning
from shared.meanings.of_mesh import MESH
from shared.meanings.of_responses import RESPONSES

PAGE: Final = Path(__file__).parents[2] / "docs" / "codes.md"
_INTRODUCTION: Final = """\
# Codes

Written by `make docs` from the table in `shared/meanings/`. Change that, not this page. `show` and the alerts print
the same text.

A report has two answers. The **infrastructure response** (1xxxx, 2xxxx) says whether the registered practice's system
accepted the message, the **business response** (3xxxx) whether the patient is known there. **MESH** has codes of its
own: in its answer to a call, and in a MESH REPORT when it could not deliver a message. What counts as good news is the
code, never its severity.

A code that is not here: 1xxxx and 2xxxx are taken as a refusal. With 3xxxx the sender keeps waiting and opens an alert.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join(
        (
            _INTRODUCTION,
            _table("Infrastructure responses", _of(Level.INFRASTRUCTURE)),
            _table("Business responses", _of(Level.BUSINESS)),
            _table("MESH", MESH),
        )
    )


def _of(level: Level) -> list[Meaning]:
    found = (each for each in RESPONSES if find(each.code).level is level)
    return sorted(found, key=lambda each: each.code)


def _table(title: str, meanings: Iterable[Meaning]) -> str:
    lines = [
        f"## {title}",
        "",
        "| code | meaning | who usually acts | next step | our daemons |",
        "|---|---|---|---|---|",
    ]
    for meaning in meanings:
        cells = (f"`{meaning.code}`", meaning.means, meaning.who, meaning.next_step, meaning.daemons)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
