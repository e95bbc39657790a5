"""What a measure says: a ratio or an amount beside its target, and the absolute figures behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Target:
    """A bound: ``most`` for what must be small, ``least`` for what must be large; none for what is only shown."""

    most: float | None = None
    least: float | None = None

    def met(self, value: float) -> bool:
        """Say whether ``value`` is within the bound."""
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def __str__(self) -> str:
        if self.most is not None:
            return f"at most {self.most:g}"
        return "" if self.least is None else f"at least {self.least:g}"


SHOWN = Target()


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report: ``value`` in ``unit``, which is empty for a ratio."""

    name: str
    value: float
    unit: str = ""
    target: Target = SHOWN

    def cells(self) -> tuple[str, str, str, str]:
        """Return the line as text: name, value, target, verdict."""
        value = f"{rounded(self.value)} {self.unit}".strip()
        if self.target == SHOWN:
            return self.name, value, "", ""
        return (
            self.name,
            value,
            f"{self.target} {self.unit}".strip(),
            "yes" if self.target.met(self.value) else "**no**",
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What one measure found. ``words`` say how it was measured; ``known`` is for what is computed from it."""

    title: str
    words: str
    figures: Sequence[Figure]
    known: Mapping[str, float] = field(default_factory=dict)


def rounded(value: float) -> str:
    """Return three figures of a number, without an exponent."""
    if value and abs(value) < 0.001:
        return f"{value:.6f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def middle(values: Iterable[float]) -> float:
    """Return the median: the noise of other work on the machine moves it little."""
    return median(list(values))
