"""Which thread of which job works, and which begins when there is work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager


class Rota:
    """Which thread of a job runs: none overlaps itself, and one that is woken while it runs goes round once more.

    ``threads`` names those of each job. The scheduler is not asked to see to that: it drops a tick while it believes
    that the job runs, and learns of the end of a run only some time after the end.
    """

    def __init__(self, threads: Mapping[str, Sequence[str]], waking: threading.Lock, stopping: threading.Event) -> None:
        self._threads = threads
        self._lock = waking
        self._stopping = stopping
        self._woken: set[str] = set()
        self._running: set[str] = set()

    def wake(self, job: str, begin: Callable[[str], object]) -> None:
        """Note that there is work for ``job``, and ``begin`` one thread of it that has nothing to do."""
        with self._lock:
            if self._stopping.is_set():
                return
            idle = next((each for each in self._threads[job] if each not in self._running | self._woken), None)
            if idle is not None:
                self._woken.add(idle)
                begin(idle)
            else:
                # any of them may just have seen that there is nothing
                self._woken.update(self._threads[job])

    def begins(self, name: str) -> bool:
        """Let the job begin; say False when it runs already."""
        with self._lock:
            if name in self._running:
                return False
            self._running.add(name)
            self._woken.add(name)
            return True

    def goes_on(self, name: str) -> bool:
        """Say whether the job goes round (once more), or has ended."""
        with self._lock:
            if name in self._woken and not self._stopping.is_set():
                self._woken.discard(name)
                return True
            self._running.discard(name)
            return False

    @contextmanager
    def broken_off(self, name: str) -> Iterator[None]:
        """See to it that a job that breaks off has ended, and may begin again."""
        try:
            yield
        except BaseException:
            with self._lock:
                self._running.discard(name)
                self._woken.discard(name)
            raise
