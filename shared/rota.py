"""Which job runs, and which begins when there is work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Rota:
    """Which job runs: none overlaps itself, and one that is woken while it runs goes round once more.

    The scheduler is not asked to see to that: it drops a tick while it believes that the job runs, and learns of the
    end of a run only some time after the end.
    """

    def __init__(self, waking: threading.Lock, stopping: threading.Event) -> None:
        self._lock = waking
        self._stopping = stopping
        self._woken: set[str] = set()
        self._running: set[str] = set()

    def wake(self, job: str, begin: Callable[[str], object]) -> None:
        """Note that there is work for ``job``, and ``begin`` it when it has nothing to do."""
        with self._lock:
            if self._stopping.is_set() or job in self._woken:
                return
            self._woken.add(job)
            if job not in self._running:
                begin(job)

    def begins(self, job: str) -> bool:
        """Let the job begin; say False when it runs already."""
        with self._lock:
            if job in self._running:
                return False
            self._running.add(job)
            self._woken.add(job)
            return True

    def goes_on(self, job: str) -> bool:
        """Say whether the job goes round (once more), or has ended."""
        with self._lock:
            if job in self._woken and not self._stopping.is_set():
                self._woken.discard(job)
                return True
            self._running.discard(job)
            return False

    @contextmanager
    def broken_off(self, job: str) -> Iterator[None]:
        """See to it that a job that breaks off has ended, and may begin again."""
        try:
            yield
        except BaseException:
            with self._lock:
                self._running.discard(job)
                self._woken.discard(job)
            raise
