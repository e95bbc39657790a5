"""How a daemon is: when each job last succeeded, whether it is late or stuck, and how long MESH takes to answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.clock import Clock

# a job may miss a few rounds, and a step may take long, before that is worth telling
_ROUNDS: Final = 3
_GRACE: Final = timedelta(minutes=15)
_STUCK_AFTER: Final = timedelta(hours=1)
BOUNDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds by which the answers of MESH are told apart; the last ones are for large messages."""


@dataclass(frozen=True, slots=True)
class JobVitals:
    """What is known of one job. ``running_since`` is None between two steps; ``moved_at`` is its last sign of life."""

    every: timedelta
    started_at: datetime
    succeeded_at: datetime | None = None
    running_since: datetime | None = None
    moved_at: datetime | None = None
    succeeded: int = 0
    failed: int = 0

    def is_late(self, now: datetime) -> bool:
        """Say whether the job has not succeeded for three of its intervals and a quarter of an hour."""
        return now - (self.succeeded_at or self.started_at) > self.every * _ROUNDS + _GRACE

    def is_stuck(self, now: datetime) -> bool:
        """Say whether a step of the job has been running for an hour without a sign of life."""
        return self.running_since is not None and now - (self.moved_at or self.running_since) > _STUCK_AFTER


class Vitals:
    """The vitals of all jobs of a daemon; safe with threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, JobVitals] = {}
        # a step runs in one thread, and so do the calls that it makes
        self._step = threading.local()

    def expect(self, name: str, every: timedelta) -> None:
        """Note that a job is to run every so often from now on."""
        with self._lock:
            self._jobs[name] = JobVitals(every, self._clock())

    def progressed(self) -> None:
        """Note a sign of life, such as an answer of MESH, of the job whose step runs in this thread."""
        name = getattr(self._step, "job", None)
        if name is not None:
            self._change(name, lambda job: replace(job, moved_at=self._clock()))

    def began(self, name: str) -> None:
        """Note that a step of a job begins; a job that nobody expects is nobody's concern."""
        self._step.job, now = name, self._clock()
        self._change(name, lambda job: replace(job, running_since=now, moved_at=now))

    def ended(self, name: str, *, well: bool) -> None:
        """Note that a step of a job is over, and whether it did what it was to do, be it nothing."""
        self._step.job, now = None, self._clock()

        def change(job: JobVitals) -> JobVitals:
            if well:
                return replace(job, running_since=None, succeeded_at=now, succeeded=job.succeeded + 1)
            return replace(job, running_since=None, failed=job.failed + 1)

        self._change(name, change)

    def jobs(self) -> Mapping[str, JobVitals]:
        """Return what is known of every job."""
        with self._lock:
            return dict(self._jobs)

    def late(self) -> list[str]:
        """Return the jobs that have not succeeded for their time."""
        now = self._clock()
        return [name for name, job in self.jobs().items() if job.is_late(now)]

    def stuck(self) -> bool:
        """Say whether a step of any job is stuck, whatever the other jobs do meanwhile."""
        now = self._clock()
        return any(job.is_stuck(now) for job in self.jobs().values())

    def _change(self, name: str, change: Callable[[JobVitals], JobVitals]) -> None:
        with self._lock:
            if name in self._jobs:
                self._jobs[name] = change(self._jobs[name])


@dataclass(frozen=True, slots=True)
class Latency:
    """How many answers there were, how many seconds all of them took, and how many came within each of BOUNDS."""

    answers: int = 0
    seconds: float = 0.0
    within: tuple[int, ...] = (0,) * len(BOUNDS)


class Latencies:
    """How long MESH took to answer, by what it was asked for; safe with threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[str, Latency] = {}

    def took(self, call: str, duration: timedelta) -> None:
        """Note an answer."""
        seconds = duration.total_seconds()
        with self._lock:
            known = self._calls.get(call, Latency())
            within = tuple(count + (seconds <= bound) for count, bound in zip(known.within, BOUNDS, strict=True))
            self._calls[call] = Latency(known.answers + 1, known.seconds + seconds, within)

    def calls(self) -> Mapping[str, Latency]:
        """Return what is known of each kind of call."""
        with self._lock:
            return dict(self._calls)
