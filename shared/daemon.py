"""Runs the jobs of a daemon: until a signal comes (``run``), or until nothing is left to do (``once``)."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from shared import outage
from shared.clock import system_clock
from shared.db import DATABASE_AWAY
from shared.errors import MeshError, PdsError
from shared.heartbeat import Heartbeat
from shared.log import Event, describe, emit
from shared.outage import Outage
from shared.rota import Rota
from shared.vitals import Vitals

DAEMON_STARTED = Event("daemon.started", "info", ("version", "jobs"), "The daemon works from here on.")
DAEMON_STOPPING = Event(
    "daemon.stopping", "info", ("signal",), "A signal came; running steps are finished, then the daemon ends."
)
DAEMON_STOPPED = Event("daemon.stopped", "info", (), "The daemon ended as asked.")
JOB_FAILED = Event(
    "job.failed",
    "error",
    ("job", "error"),
    "A round of a job broke off for an unforeseen reason; the next round comes.",
    "If it repeats, report it with this line.",
)
# a message makes some thousands; to look for garbage several times in each finds little
_NEW_OBJECTS = 5_000
_STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGINT)

EVENTS = (DAEMON_STARTED, DAEMON_STOPPING, DAEMON_STOPPED, JOB_FAILED, *outage.EVENTS)


@dataclass
class Bell:
    """Rung in the middle of a long step: whom the job wakes has work already. Nobody hears it in ``once``."""

    heard: Callable[[], None] = lambda: None

    def ring(self) -> None:
        """Say that there is work."""
        self.heard()


@dataclass(frozen=True)
class Job:
    """One background concern. ``step`` does a small piece of work and returns how much it changed.

    A job that ``drains`` is stepped again as long as it changes something. ``wakes`` names the jobs that have
    work as soon as a step changed something, or rang the ``bell`` on its way.
    """

    name: str
    step: Callable[[], int]
    every: timedelta
    drains: bool = True
    wakes: tuple[str, ...] = ()
    bell: Bell | None = None


@dataclass(frozen=True)
class Rounds:
    """Steps jobs and turns what goes wrong in them into log lines: a failed step never ends the daemon."""

    mesh: Outage
    database: Outage
    pds: Outage = field(default_factory=lambda: Outage("PDS", system_clock))
    vitals: Vitals = field(init=False)

    def __post_init__(self) -> None:
        """Begin to watch the jobs."""
        vitals = Vitals(self.mesh.clock)
        object.__setattr__(self, "vitals", vitals)
        self.mesh.on_answer = self.pds.on_answer = vitals.progressed

    def step(self, job: Job) -> int | None:
        """Do one step of ``job``; return how much it changed, None when it failed."""
        self.vitals.began(job.name)
        changed = self._step(job)
        self.vitals.ended(job.name, well=changed is not None)
        return changed

    def _step(self, job: Job) -> int | None:
        try:
            changed = job.step()
        except MeshError as error:
            self.mesh.begins(error, job.name)
        except PdsError as error:
            self.pds.begins(error, job.name)
        except DATABASE_AWAY as error:
            self.database.begins(error, job.name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the daemon goes on and says so
            emit(JOB_FAILED, job=job.name, error=describe(error))
        else:
            self.database.over()
            self.mesh.worked(job.name)
            self.pds.worked(job.name)
            return changed
        return None

    def drain(self, job: Job, stopping: Callable[[], bool], changing: Callable[[], None] = lambda: None) -> int | None:
        """Step ``job`` until there is nothing more for it; return what it changed, None when it failed.

        ``changing`` is called after each step that changed something.
        """
        total = 0
        while not stopping():
            changed = self.step(job)
            if changed is None:
                return None
            if changed:
                total += changed
                changing()
            if not changed or not job.drains:
                break
        return total


def run_once(jobs: Sequence[Job], rounds: Rounds) -> bool:
    """Drain every job in turn until a whole round changes nothing; say whether all of them worked.

    A job that failed is not tried again in the same call: what it needs is away (decision 38).
    """
    failed: set[str] = set()
    changed = 1
    while changed:
        changed = 0
        for job in jobs:
            if job.name in failed:
                continue
            done = rounds.drain(job, lambda: False)
            if done is None:
                failed.add(job.name)
            changed += done or 0
    return not failed


def run_until_stopped(
    jobs: Sequence[Job],
    rounds: Rounds,
    version: str,
    stopping: threading.Event,
    heartbeat: Heartbeat,
) -> None:
    """Run every job at its interval until SIGTERM or SIGINT, finish the running steps, and return.

    ``stopping`` is set when the signal comes, for steps that can end early between two pieces of work.
    ``heartbeat`` beats meanwhile, and the service manager hears of the start, of life and of the end.
    Call it from the main thread, before any other thread is there: the signals are waited for, not handled. (A
    handler may run just before the wait begins, and then nothing ends the wait.)
    """
    # the scheduler keeps its own lock while it waits for the last ticks: none of them may ask it for anything then
    waking = threading.Lock()
    for job in jobs:
        rounds.vitals.expect(job.name, job.every)
    rota = Rota(waking, stopping)
    scheduler = _schedule(jobs, rounds, stopping, rota)
    _add_beats(scheduler, rounds.vitals, heartbeat)
    # What is here by now stays to the end. The collector no longer goes through it, and no longer waits until there is
    # a quarter as much garbage: a few cycles with a large message in each are little to count, and much to keep.
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    with stopping_signals_blocked():
        scheduler.start()
        emit(DAEMON_STARTED, version=version, jobs=[job.name for job in jobs])
        heartbeat.service.ready()
        received = signal.sigwait(_STOPPING_SIGNALS)
        emit(DAEMON_STOPPING, signal=signal.Signals(received).name)
        heartbeat.service.stopping()
        with waking:
            stopping.set()
        scheduler.shutdown(wait=True)
        emit(DAEMON_STOPPED)


@contextmanager
def stopping_signals_blocked() -> Iterator[None]:
    """Keep SIGTERM and SIGINT waiting; threads and processes that begin inside inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _schedule(jobs: Sequence[Job], rounds: Rounds, stopping: threading.Event, rota: Rota) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(
        timezone="UTC",
        # two more: heartbeat and watchdog never wait for a job
        executors={"default": ThreadPoolExecutor(len(jobs) + 2)},
        # a late tick still counts, and several late ones are one
        job_defaults={"misfire_grace_time": None, "coalesce": True},
    )

    def begin(name: str) -> None:
        scheduler.modify_job(name, next_run_time=system_clock())

    def wake(job: Job) -> None:
        for name in job.wakes:
            rota.wake(name, begin)

    def tick(job: Job) -> None:
        if rota.begins(job.name):
            with rota.broken_off(job.name):
                while rota.goes_on(job.name):
                    rounds.drain(job, stopping.is_set, partial(wake, job))

    for job in jobs:
        if job.bell is not None:
            job.bell.heard = partial(wake, job)
        seconds = job.every.total_seconds()
        now = system_clock()
        scheduler.add_job(
            tick, "interval", seconds=seconds, args=[job], id=job.name, next_run_time=now, max_instances=sys.maxsize
        )
    return scheduler


def _add_beats(scheduler: BackgroundScheduler, vitals: Vitals, heartbeat: Heartbeat) -> None:
    """Let the log, and the service manager if it waits for that, hear at intervals that the daemon lives."""

    def watchdog() -> None:
        if not vitals.stuck():
            heartbeat.service.alive()

    beats = [(heartbeat.beat, heartbeat.every)]
    if heartbeat.service.watchdog_every is not None:
        beats.append((watchdog, heartbeat.service.watchdog_every))
    for beat, every in beats:
        scheduler.add_job(beat, "interval", seconds=every.total_seconds(), next_run_time=system_clock())
