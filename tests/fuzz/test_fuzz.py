"""The small form of the fuzz, as a process of its own: its memory is its own then, and so is what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import SEED
from tests.fuzz.specimens import found_in

CASES = "3000"
# ten times what it needs on one core: to wait for ever would be no outcome
ENOUGH = 600


@pytest.mark.requirement("FHIR-V&V-01", "GPCM-SD-066", "RC-HS-02")
def test_whatever_comes_has_one_outcome_and_tells_the_log_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    seed = os.environ.get("FUZZ_SEED", str(SEED))
    command = [sys.executable, "-W", "error", "-m", "tests.fuzz", "--cases", CASES, "--seed", seed]

    ended = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=ENOUGH)

    with capsys.disabled():
        sys.stdout.write("\n" + ended.stdout)
    assert found_in(ended.stderr) == []
    assert ended.returncode == 0, ended.stderr[-2_000:]
    assert re.search(r"^rules: (\d+) of \1 decided", ended.stdout, re.MULTILINE)
