"""Whether something outside answers: one log line when it stops, one when it does again, an alert when it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from shared.clock import Clock
from shared.errors import MeshError, MeshRefused, PdsRefused
from shared.log import Event, describe, emit

OUTAGE_BEGAN = Event(
    "outage.began",
    "warning",
    ("of", "job", "error"),
    "MESH, PDS, the database or the mail server does not answer. Nothing is lost; every round tries again."
    " One line an outage.",
    "Wait a few minutes, then look at the network, the certificate and the service's status page.",
)
OUTAGE_ENDED = Event(
    "outage.ended", "info", ("of", "seconds"), "What was away answers again; `seconds` is how long it was away."
)
MESH_REFUSED = Event(
    "mesh.refused",
    "error",
    ("job", "http_status", "code", "error"),
    "MESH refuses this mailbox's request for good; trying again changes nothing.",
    "Run `check --online`: mailbox id, password, shared key, certificate and clock are the usual causes.",
)

EVENTS = (OUTAGE_BEGAN, OUTAGE_ENDED, MESH_REFUSED)


@dataclass
class Outage:
    """Knows whether something outside answers, and says so once when that changes.

    Any answer ends an outage. A refusal is over only when the job that was refused works again: that MESH answers
    another call, or takes a handshake, says nothing about the call that it refuses.
    """

    of: str
    clock: Clock
    # told of a refusal in words, or of None when it is over, and of the job
    on_refusal: Callable[[str | None, str], None] = lambda _text, _job: None
    # told of every answer: whoever waits for many of them is not stuck
    on_answer: Callable[[], None] = lambda: None
    since: datetime | None = None
    _refused: str | None = None
    # jobs whose refusal is over, as far as this process knows; an earlier one may have left an alert
    _settled: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _step: threading.local = field(default_factory=threading.local, repr=False)

    def begins(self, error: Exception, job: str) -> None:
        """Note a failure; the first one of an outage is logged, and its first refusal."""
        self._step.answered = False
        refused = _is_refusal(error)
        with self._lock:
            if self.since is not None and (self._refused is not None or not refused):
                return
            self.since = self.since or self.clock()
            self._refused = job if refused else None
            self._settled.discard(job)
        text = describe(error)
        if refused and isinstance(error, MeshError):
            emit(MESH_REFUSED, job=job, error=text, http_status=error.http_status, code=error.code)
        else:
            emit(OUTAGE_BEGAN, of=self.of, job=job, error=text)
        if refused:
            self.on_refusal(text, job)

    def over(self) -> None:
        """Note an answer; the first one after an outage is logged."""
        self.on_answer()
        self._step.answered = True
        with self._lock:
            if self._refused is not None:
                return
        self._end()

    def worked(self, job: str) -> None:
        """Note that a step of ``job`` worked; with an answer in it, whatever refused the job does so no more."""
        answered, self._step.answered = getattr(self._step, "answered", False), False
        if not answered:
            return
        with self._lock:
            is_news = job not in self._settled
            self._settled.add(job)
            if self._refused == job:
                self._refused = None
            is_over = self._refused is None
        if is_news:
            self.on_refusal(None, job)
        if is_over:
            self._end()

    def _end(self) -> None:
        with self._lock:
            if self.since is None:
                return
            seconds, self.since = (self.clock() - self.since).total_seconds(), None
        emit(OUTAGE_ENDED, of=self.of, seconds=round(seconds))


def _is_refusal(error: Exception) -> bool:
    """Say whether a person must act, because waiting alone mends nothing."""
    return isinstance(error, MeshRefused | PdsRefused)
