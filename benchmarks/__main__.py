"""``python -m benchmarks``: measures everything, prints it, and writes ``docs/performance.md``.

``--only NAME`` measures one thing and writes nothing. ``--short`` runs each measure once and tiny, to see that it
works; its figures mean nothing and nothing is written.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import backlog, idle, memory, page, receiving, scaling, sending, starting
from benchmarks.figures import Result
from benchmarks.sites import Site, open_site

MEASURES: Final[dict[str, tuple[Callable[..., Result], tuple[int, ...]]]] = {
    "sending": (sending.measure, (1, 1, 1)),
    "receiving": (receiving.measure, (2, 1)),
    "backlog": (backlog.measure, (60, 60, 60, 1)),
    "memory": (memory.measure, (4, 100_000, 300_000)),
    "starting": (starting.measure, (1,)),
    "idle": (idle.measure, (1, 3)),
    "scaling": (scaling.measure, (2, 1)),
}
"""Each measure with the sizes of its short form."""


def run(names: list[str], *, short: bool) -> list[Result]:
    """Measure ``names`` one after the other, and print each as soon as it is there."""
    with open_site() as site:
        return [_measure(site, name, short=short) for name in names]


def _measure(site: Site, name: str, *, short: bool) -> Result:
    begun = time.monotonic()
    measure, tiny = MEASURES[name]
    result = measure(site, *tiny) if short else measure(site)
    print(f"{result.title} ({time.monotonic() - begun:.0f} s)", flush=True)
    for figure in result.figures:
        cell, value, target, verdict = figure.cells()
        print(f"  {value:>18}  {cell}" + (f"  [{target}: {verdict.strip('*')}]" if target else ""))
    return result


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", choices=list(MEASURES), help="measure this alone")
    parser.add_argument("--short", action="store_true", help="only see that the benchmarks work")
    parser.add_argument("--write", type=Path, help="write the page here, whatever was measured")
    chosen = parser.parse_args()
    load = os.getloadavg()
    results = run(chosen.only or list(MEASURES), short=chosen.short)
    target = chosen.write or (None if chosen.only or chosen.short else page.PAGE)
    if target is not None:
        target.write_text(page.write(results, load), encoding="utf-8")
        print(f"written to {target}")


if __name__ == "__main__":
    main()
