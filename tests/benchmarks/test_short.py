"""The benchmarks work: each is run once and tiny. Its figures mean nothing and are not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.figures import SHOWN, Figure, Result, Target
from tests.fakes.local_mesh import ROOT, sandbox_python

MEASURED = ("Sending", "Receiving", "Backlog", "Memory", "Start", "Idle", "Scale-out")


@pytest.mark.sandbox
def test_the_short_form_runs_every_benchmark_and_writes_the_page(tmp_path: Path) -> None:
    sandbox_python()
    written = tmp_path / "performance.md"

    command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "--short", "--write", str(written)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=540)

    assert done.returncode == 0, done.stderr[-2000:]
    text = written.read_text()
    assert [name for name in MEASURED if f"## {name}\n" not in text] == []


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target(most=1.25), 1.2, "yes"),
        (Target(most=1.25), 1.3, "**no**"),
        (Target(least=4), 4.5, "yes"),
        (SHOWN, 1, ""),
    ],
)
def test_a_target_that_is_not_met_is_said_plainly(target: Target, value: float, met: str) -> None:
    figure = Figure("a ratio", value, "", target)

    assert figure.cells()[3] == met


def test_the_page_computes_what_a_machine_carries_from_what_was_measured() -> None:
    results = [
        Result("Sending", "How.", [Figure("a ratio", 1.2, "", Target(most=1.25))], {"send_cpu": 0.06}),
        Result("Receiving", "How.", [Figure("a rate", 20, "messages/s")], {"receive_cpu": 0.04}),
    ]

    text = page.write(results, (0.5, 0.5, 0.5))

    assert "| Sending: a ratio: 1.2 | at most 1.25 | yes |" in text
    assert "= 144,000 reports a day" in text
