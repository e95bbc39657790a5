"""Measure 7: four processes on one PostgreSQL against one, and what one small machine carries."""

from __future__ import annotations

import time
from contextlib import ExitStack

from benchmarks import specimens
from benchmarks.figures import Figure, Result, middle
from benchmarks.processes import BIN, running, wait_until
from benchmarks.sites import Site, open_receiver
from registered_receiver.app import Receiver

_SIZE = 100_000


def measure(site: Site, messages: int = 200, rounds: int = 3) -> Result:
    """Let one process and four collect, judge, file and answer the same messages."""
    ratios, one_rates, four_rates = [], [], []
    for _ in range(rounds):
        one, four = _rate(site, 1, messages), _rate(site, 4, messages)
        ratios.append(four / one)
        one_rates.append(one)
        four_rates.append(four)
    figures = (
        Figure("messages a second of four processes, beside one", middle(ratios)),
        Figure("one process", middle(one_rates), "messages/s"),
        Figure("four processes", middle(four_rates), "messages/s"),
    )
    words = (
        f"{messages} messages of 100 KB come into the mailbox; receivers on one PostgreSQL database deal with them. One"
        " process at a time looks into the mailbox, all of them judge, file and answer. On two cores, with MESH"
        " and PostgreSQL on the same two, four processes cannot be four times as fast: they show that"
        " processes share the work without standing in each other's way."
    )
    return Result("Scale-out", words, figures, {"one_rate": middle(one_rates), "four_rate": middle(four_rates)})


def _rate(site: Site, processes: int, messages: int) -> float:
    environment = site.receiver("postgresql")
    app = open_receiver(environment)
    try:
        with ExitStack() as stack:
            for number in range(processes):
                log = site.directory / f"receiver-{number}.log"
                stack.enter_context(running([BIN / "registered-receiver", "run"], environment, log))
            # all of them are up when the first message is through
            site.deliver([specimens.report(300_000, _SIZE)])
            wait_until(lambda: _answered(app) >= 1)
            bodies = [specimens.report(300_001 + each, _SIZE) for each in range(messages)]
            begun = time.monotonic()
            site.deliver(bodies)
            wait_until(lambda: _answered(app) >= messages + 1, every=0.1)
            return messages / (time.monotonic() - begun)
    finally:
        app.close()


def _answered(app: Receiver) -> int:
    with app.database.snapshot() as session:
        found = app.backlog(session).unfinished
        filed = app.counts(session).get("filed", 0)
    return filed if not found else min(filed, filed - found.get("responses", 0))
