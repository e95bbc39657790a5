"""One line of the catalogue of codes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says in plain English, who usually acts on it, the next step, and what our daemons do with it.

    Each is one or more sentences (``who`` a name) without patient data: alerts, ``show`` and ``docs/codes.md`` print
    them as they are.
    """

    code: str
    means: str
    who: str
    next_step: str
    daemons: str

    @property
    def action(self) -> str:
        """What an alert asks a person to do."""
        return f"{self.next_step} Who usually acts: {self.who}."

    def __str__(self) -> str:
        return f"{self.code}: {self.means}"
