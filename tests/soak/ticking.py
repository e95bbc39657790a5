"""A real daemon in a process of its own, so that what is measured is the daemon alone; it does what it is told to.

Run with the daemon's name and the time, and with its settings in the environment. Each line of standard input is an
order, JSON, and is answered by a line: ``{"do": "tick", "at", "database_away"}``, ``{"do": "end_the_day"}`` and
``{"do": "measure"}``. The process ends with its input. ``SOAK_LEAK`` lets it keep something at every tick.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from registered_receiver.app import Receiver
from registered_receiver.settings import ReceiverSettings
from shared import large_blocks
from shared.config import load
from shared.daemon import Job
from shared.mesh.client import MeshClient
from tests.fakes.clock import MovableClock
from tests.soak.measure import vitals


class Daemon:
    """One wired daemon, whose jobs run at their intervals by the clock that is told."""

    def __init__(self, app: Sender | Receiver, clock: MovableClock, leak: Callable[[], None]) -> None:
        self.app, self.clock, self._leak = app, clock, leak
        self._database_away = False
        app.database.migrate()
        self._rounds, self._jobs = app.rounds(), {job.name: job for job in app.jobs()}
        self._last: dict[str, datetime] = {}

        @event.listens_for(app.database.engine, "checkout")
        def refuse(*_: Any) -> None:
            if self._database_away:
                raise OperationalError("connect", {}, Exception("the database is away"))

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked and return the answer."""
        if order["do"] == "measure":
            return vitals()
        if order["do"] == "end_the_day":
            self._end_the_day()
        else:
            self._database_away = order["database_away"]
            self.clock.move(datetime.fromisoformat(order["at"]) - self.clock())
            self._go_round()
        return {}

    def _go_round(self) -> None:
        """Run every job that is due, and whatever it wakes."""
        now = self.clock()
        for job in self._jobs.values():
            if now - self._last.get(job.name, datetime.min.replace(tzinfo=UTC)) >= job.every:
                self._last[job.name] = now
                self._run(job)
        self._leak()

    def _run(self, job: Job) -> None:
        if self._rounds.drain(job, lambda: False):
            for name in job.wakes:
                self._run(self._jobs[name])

    def _end_the_day(self) -> None:
        """Let people complete every task and deal with every alert."""
        if isinstance(self.app, Receiver):
            for task, _ in self.app.desk.tasks("open", 0):
                self.app.desk.complete(task["task_id"])
        with self.app.database.transaction() as session:
            for alert in self.app.alerts.listing(session):
                if alert.closed_at is None:
                    self.app.alerts.close_by_id(
                        session, alert.alert_id, now=self.app.clock(), by="tester", reason="dealt with"
                    )


class Leak:
    """A daemon that is broken on purpose: a megabyte, a file handle and a thread are never let go of."""

    def __init__(self) -> None:
        self._kept: list[object] = []

    def __call__(self) -> None:
        """Keep some more."""
        waiting = threading.Thread(target=threading.Event().wait, daemon=True)
        waiting.start()
        self._kept += [os.urandom(1_000_000), os.open(os.devnull, os.O_RDONLY), waiting]


def main(name: str, now: str) -> None:
    """Obey until the input ends."""
    # the clock stands still within a tick: a call is repeated at once
    MeshClient.__init__.__defaults__ = (None, lambda _seconds: None)
    clock = MovableClock(datetime.fromisoformat(now))
    environ, app = os.environ, None
    if name == "federated-sender":
        app = Sender(load(SenderSettings, environ), clock=clock)
    else:
        app = Receiver(load(ReceiverSettings, environ), clock=clock)
    # as the command ``run`` does it
    large_blocks.give_back()
    daemon = Daemon(app, clock, Leak() if "SOAK_LEAK" in environ else lambda: None)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(daemon.obey(json.loads(line))) + "\n")
        sys.stdout.flush()
    app.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
