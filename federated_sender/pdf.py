"""Reports are laid out in worker processes: a document that hangs or crashes WeasyPrint costs that report alone."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import active_children, connection, get_context, parent_process, resource_tracker
from queue import LifoQueue
from types import TracebackType
from typing import Final, Self

from federated_sender.layout import print_pdf
from shared import core_dumps
from shared.errors import RenderingFailed

_RENDER_WITHIN: Final = timedelta(seconds=60)
_START_WITHIN: Final = 60.0
_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
_DOCUMENTS_OF_A_LIFE: Final = 1_000
_SMALLEST_REPORT: Final = (
    "<html lang='en-GB'><head><title>Warm</title></head><body><p>Warm, <b>bold</b>, <i>italic</i></p></body></html>"
)


class PdfRenderer:
    """Lays out reports in ``workers`` processes; each document has ``timeout`` to be ready.

    Threads may share it. A worker that hangs or dies is replaced when the next document comes. SIGTERM and
    SIGINT to the process group do not reach the workers, so a running step is finished; they end with
    ``close()`` or with the parent, even when that is killed.
    """

    def __init__(self, workers: int = 1, timeout: timedelta = _RENDER_WITHIN) -> None:
        self._timeout = timeout.total_seconds()
        self._workers = workers
        self._idle: LifoQueue[_Worker | None] = LifoQueue()  # None: a worker yet to be started
        for _ in range(workers):
            self._idle.put(None)

    def start(self) -> None:
        """Start the workers now, so that the first report does not wait for them; raises RenderingFailed."""
        taken = [self._idle.get() for _ in range(self._workers)]
        try:
            for index, worker in enumerate(taken):
                taken[index] = worker or _Worker()
        finally:
            for worker in taken:
                self._idle.put(worker)

    def render(self, html: str) -> bytes:
        """Return the PDF of ``html`` (of ``report_html``); the same text gives the same bytes.

        Raises RenderingFailed, which holds nothing of the report, when it cannot be laid out, takes too long
        or takes the worker down.
        """
        worker = self._idle.get()
        try:
            if worker is None or not worker.is_fit():
                worker = _Worker()
            return worker.render(html, self._timeout)
        finally:
            if worker is not None and not worker.is_fit():
                worker.end()
                worker = None
            self._idle.put(worker)

    def close(self) -> None:
        """Wait for running documents and end the workers; a later ``render`` would start them again."""
        for _ in range(self._workers):
            if worker := self._idle.get():
                worker.end()
        for _ in range(self._workers):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Worker:
    """One process that lays out one document at a time."""

    def __init__(self) -> None:
        self._documents = 0
        with _signals_blocked():
            # spawn: a fork would copy the locks of the daemon's other threads in whatever state they are
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_become_worker)
            try:
                pid = self._pool.submit(os.getpid).result(_START_WITHIN)
                self._process = next(process for process in active_children() if process.pid == pid)
            except (BrokenProcessPool, TimeoutError, StopIteration):
                self._pool.shutdown(wait=False)
                raise RenderingFailed("the PDF worker does not start: federated-sender check says why") from None

    def is_fit(self) -> bool:
        """Say whether it is alive and not worn out: a leak of a library must not grow for ever."""
        return self._process.is_alive() and self._documents < _DOCUMENTS_OF_A_LIFE

    def render(self, html: str, within: float) -> bytes:
        self._documents += 1
        try:
            return self._pool.submit(_print, html).result(within)
        except RenderingFailed as error:
            failure = str(error)
        except BrokenProcessPool:
            failure = "the PDF worker ended before the report was ready"
            self.end()
        except TimeoutError:
            failure = f"the report was not ready within {within:g} s"
            self.end()
        # outside the handlers: no chain to an error that may quote the report
        raise RenderingFailed(failure)

    def end(self) -> None:
        self._process.kill()
        self._pool.shutdown()


def _print(html: str) -> bytes:
    try:
        return print_pdf(html)
    finally:
        gc.collect()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Keep the stopping signals from a process that begins inside, which does not ignore them yet.

    multiprocessing starts its resource tracker first, and leaves them unblocked in the thread that did so.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become_worker() -> None:
    # nothing of a report may reach a log: fontTools and WeasyPrint quote what they work on
    logging.disable(logging.CRITICAL)
    core_dumps.forbid()
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print_pdf(_SMALLEST_REPORT)
    # what was loaded stays for ever: it need not be looked through again and again in the midst of a document
    gc.collect()
    gc.freeze()
    gc.disable()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)
