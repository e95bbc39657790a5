"""What a run of the fuzz found, in figures that can be added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from shared.itk3.rules import REPLACEMENT_FAILED, TABLE

LONGEST = 2.0
"""The seconds of processor time that one message may take."""
LARGEST = 400_000_000
"""The bytes of memory that the process may ever have held."""
PAST_THE_PARSER = 0.6
"""The least share of messages that must be readable at all, so that more than the parser is tried."""
# the rows about a replacement need its original: they are tried where both can be made
_ASKED = [rule for rule in TABLE if rule.code != REPLACEMENT_FAILED]


class Fault(NamedTuple):
    """Something wrong with one case, or with a batch of them when ``number`` is None."""

    kind: str
    number: int | None
    words: str

    def __str__(self) -> str:
        return f"{self.kind} {'in a batch' if self.number is None else self.number}: {self.words}"


@dataclass
class Findings:
    """Figures of a run. ``faults`` says what is wrong; none is hoped for."""

    cases: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    readable: int = 0
    failing: Counter[str] = field(default_factory=Counter)
    deciding: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    faults: list[Fault] = field(default_factory=list)

    def count(self, kind: str, outcome: str) -> None:
        """Count one case of a kind with what became of it."""
        self.cases[kind] += 1
        self.outcomes.setdefault(kind, Counter())[outcome] += 1

    def blame(self, kind: str, number: int | None, words: str) -> None:
        """Note what is wrong with a case; None for what concerns a whole batch, which ``words`` then names."""
        self.faults.append(Fault(kind, number, words))

    def took(self, seconds: float, what: str) -> None:
        """Remember the case that took longest."""
        self.slowest = max(self.slowest, (seconds, what))

    @property
    def rules_not_hit(self) -> list[str]:
        """The rows of the table that never decided."""
        return [rule.id for rule in _ASKED if not self.deciding[rule.id]]

    @property
    def share_readable(self) -> float:
        """The share of the messages that got past the parser."""
        return self.readable / self.cases["message"] if self.cases["message"] else 0.0

    def shortcomings(self, *, timed: bool) -> list[str]:
        """Return what a run of all kinds must reach and did not; time counts only when ``timed``."""
        missed = {
            "a case is faulty": bool(self.faults),
            "too few messages got past the parser": self.share_readable < PAST_THE_PARSER,
            "a rule was never hit": bool(self.rules_not_hit),
            "too much memory": memory() > LARGEST,
            "a case took too long": timed and self.slowest[0] > LONGEST,
        }
        return [words for words, is_so in missed.items() if is_so]

    def lines(self) -> Iterable[str]:
        """Give the figures, a line each."""
        yield f"cases: {self.cases.total()} ({', '.join(f'{kind} {count}' for kind, count in self.cases.items())})"
        if self.cases["message"]:
            hit = len(_ASKED) - len(self.rules_not_hit)
            yield f"past the parser: {self.share_readable:.0%} of the messages"
            yield f"rules: {hit} of {len(_ASKED)} decided a message; not: {', '.join(self.rules_not_hit) or 'none'}"
            yield f"rules that failed, whichever decided: {len(self.failing)}, {self.failing.total()} times"
            seldom = sorted(_ASKED, key=lambda rule: self.deciding[rule.id])[:5]
            yield "seldom: " + ", ".join(f"{rule.id} {self.deciding[rule.id]}" for rule in seldom)
        for kind, found in self.outcomes.items():
            yield f"{kind}: " + ", ".join(f"{outcome} {count}" for outcome, count in sorted(found.items()))
        yield f"slowest: {self.slowest[0]:.2f} s ({self.slowest[1] or 'nothing was timed'})"
        yield f"memory: {memory() / 1_000_000:.0f} MB at most"
        yield f"faults: {len(self.faults)}"
        yield from map(str, self.faults[:50])


def memory() -> int:
    """Return the most bytes of memory that this process ever held."""
    # getrusage counts what the process that started this one had, too
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024
