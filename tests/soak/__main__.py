"""``make soak``: a week of two busy practices in minutes, and its figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.chaos.experiment import postgresql
from tests.soak.soak import SMALL, WEEK, soak


def main() -> int:
    """Play a week, or a day with ``--small``; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--small", action="store_true", help="a day, as the tests do it")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = parser.parse_args()
    plan = replace(SMALL if chosen.small else WEEK, seed=chosen.seed)
    with tempfile.TemporaryDirectory(prefix="soak-") as directory, ExitStack() as stack:
        url = stack.enter_context(postgresql(Path(directory)))[0] if chosen.database == "postgresql" else ""
        outcome = soak(Path(directory), plan, url)
    sys.stdout.write("\n".join([f"{chosen.database}, seed {chosen.seed}", *outcome.text(), ""]))
    return int(bool(outcome.faults))


if __name__ == "__main__":
    sys.exit(main())
