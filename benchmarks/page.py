"""Writes ``docs/performance.md``: the figures, the machine they come from, and what one small machine carries."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from benchmarks.figures import Result, rounded

PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
_INTRODUCTION: Final = """\
# Performance

Written by `make bench` ({when}) from what it measured; change the benchmarks, not this page. Ratios come first: both
sides of each were measured in the same run, in turn, on the same machine, so that they hold elsewhere too. The absolute
figures belong to this machine, and to what else it did meanwhile.

{machine}

| measure | target | met |
|---|---|---|
"""
_HOURS: Final = 8
_BUSY: Final = 0.5
_A_PRACTICE: Final = 50


def write(results: Sequence[Result], load: tuple[float, float, float]) -> str:
    """Return the page."""
    lines = [_INTRODUCTION.format(when=date.today().isoformat(), machine=_machine(load)).rstrip()]  # noqa: DTZ011
    for result in results:
        for figure in result.figures:
            name, value, target, verdict = figure.cells()
            if target:
                lines.append(f"| {result.title}: {name}: {value} | {target} | {verdict} |")
    for result in results:
        lines += ["", f"## {result.title}", "", result.words, "", "| | |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value, _, _ in (figure.cells() for figure in result.figures)]
    known = {name: value for result in results for name, value in result.known.items()}
    if {"send_cpu", "receive_cpu"} <= known.keys():
        lines += ["", _capacity(known)]
    return "\n".join(lines) + "\n"


def _machine(load: tuple[float, float, float]) -> str:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"The machine: {os.cpu_count()} cores ({cpu}), {memory:.0f} GB, Linux {platform.release()}, Python"
        f" {platform.python_version()}. Its load was {load[0]:.1f} when the run began and {os.getloadavg()[0]:.1f} when"
        " it ended; with other work on it, times by the clock are too long, while CPU times and ratios hold."
    )


def _capacity(known: Mapping[str, float]) -> str:
    """Return what one core carries. A practice sends and receives ``_A_PRACTICE`` reports a day each."""
    send, receive = known["send_cpu"], known["receive_cpu"]
    a_day = _HOURS * 3600 * _BUSY / (send + receive)
    practices = a_day / _A_PRACTICE
    sum_of = f"{_HOURS} x 3,600 s x {_BUSY:g} / {send + receive:.3f} s"
    return _CARRIES.format(
        send=f"{send * 1000:.0f}",
        receive=f"{receive * 1000:.0f}",
        both=f"{(send + receive) * 1000:.0f}",
        hours=_HOURS,
        sum_of=sum_of,
        a_day=rounded(a_day),
        each=_A_PRACTICE,
        practices=rounded(practices),
    )


_CARRIES: Final = """\
## What one small machine carries

A report costs the sender {send} ms of CPU and the receiver {receive} ms, together {both} ms. With one core at most half
busy in a working day of {hours} hours, that is {sum_of} = {a_day} reports a day, sent and received. A practice that
sees {each} patients of other practices in a day, and whose own patients are seen elsewhere as often, makes {each} of
each: one core carries about {practices} such practices, and a machine with two cores about twice that.

An ordinary federation has 5 to 50 practices, each with its own daemons: none of them notices the load. Memory, not CPU,
says how many daemons share a machine: reckon with what is measured above for each.

Start a second process on the same PostgreSQL database (any number may share one) when `oldest_work_seconds` in the
heartbeat grows in the evening although MESH answers; take a second machine when both cores are busy for more than half
of the evening. Attachments cost network and disk rather than CPU: a report with 5 MB of them needs some 12 MB at the
receiver until `RETENTION` is over.
"""
