"""Four processes of each daemon against one, on PostgreSQL: what it gains, and that nothing is lost or doubled by it.

``python -m tests.chaos.scaling`` prints how long each takes from the first report to the last response.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import text

from tests.chaos import checker
from tests.chaos.experiment import postgresql
from tests.chaos.world import RECEIVER, SENDER, World

_SEED = 11
_UNFINISHED = "SELECT count(*) FROM report WHERE state IN ('waiting', 'queued', 'sent', 'accepted')"
_DONE_BY = "SELECT count(*) FROM outbox WHERE NOT pending"


def measure(directory: Path, url: str, processes: int, consultations: int) -> tuple[float, list[str]]:
    """Let so many processes of each daemon bring the consultations to their end; return the seconds, and what is wrong.

    They are started first, so that what is measured is work.
    """
    with World(directory, _SEED, url, people=consultations).open() as world:
        world.server.calm_down()
        victims = [
            world.start(daemon, "run", CHAOS_WORKER="1") for _ in range(processes) for daemon in (SENDER, RECEIVER)
        ]
        world.write(consultations)
        began = time.monotonic()
        while not _is_done(world, consultations) and all(victim.status is None for victim in victims):
            world.nursery.look()
            time.sleep(0.2)
        seconds = time.monotonic() - began
        for victim in victims:
            world.nursery.signal(victim, signal.SIGTERM)
        ends = Counter(world.nursery.wait(victim, 60) for victim in victims)
        wrong = [f"{number} processes ended with {status}" for status, number in ends.items() if status != 0]
        return seconds, wrong + checker.faults(world.evidence())


def _is_done(world: World, consultations: int) -> bool:
    with world.engines[SENDER].connect() as connection:
        taken_in, unfinished = (connection.execute(text(query)).scalar_one() for query in (_DONE_BY, _UNFINISHED))
    return taken_in >= consultations and unfinished == 0


def main() -> int:
    """Measure one process of each daemon, then four, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--consultations", type=int, default=400)
    chosen = parser.parse_args()
    print(f"{chosen.consultations} consultations, PostgreSQL, {os.cpu_count()} processors")
    failed = False
    for processes in (1, 4):
        with tempfile.TemporaryDirectory(prefix="scaling-") as directory, postgresql(Path(directory)) as (url, _):
            seconds, wrong = measure(Path(directory), url, processes, chosen.consultations)
        pace = chosen.consultations / seconds * 60
        print(f"{processes} of each daemon: {seconds:.0f} s, {pace:.0f} consultations a minute", flush=True)
        print(*(f"WRONG: {each}" for each in wrong), sep="\n", end="\n" if wrong else "")
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
