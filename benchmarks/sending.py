"""Measure 1: what a report costs from due row to MESH, beside one bare call of the PDF library on the same HTML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import specimens
from benchmarks.figures import Figure, Result, Target, middle
from benchmarks.processes import BIN, cpu_of, running, wait_until
from benchmarks.sites import Kind, Site, open_sender
from federated_sender.app import Sender
from federated_sender.consultation import Consultation
from federated_sender.enqueue import enqueue
from federated_sender.pdf import PdfRenderer
from federated_sender.report import Practice, report_html

_PRACTICE: Final = Practice("A practice", "Carlisle", "01632 960010")
_SENT: Final = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)


def html_of(number: int) -> str:
    """Return the HTML of a plain report of one page."""
    content = Consultation.model_validate(specimens.consultation(number))
    return report_html(content, version=1, sent_at=_SENT, practice=_PRACTICE)


@dataclass
class Bare:
    """A process that makes bare calls."""

    process: subprocess.Popen[str]

    def cpu(self, first: int, reports: int) -> float:
        """Return the CPU seconds of one call, on the average of ``reports``."""
        assert self.process.stdin is not None  # noqa: S101 - it was opened with pipes
        assert self.process.stdout is not None  # noqa: S101
        before = cpu_of(self.process.pid)
        for number in range(first, first + reports):
            self.process.stdin.write(json.dumps(html_of(number)) + "\n")
            self.process.stdin.flush()
            self.process.stdout.readline()
        return (cpu_of(self.process.pid) - before) / reports


@contextmanager
def bare(warm_ups: int, *options: str) -> Iterator[Bare]:
    """Give a process that makes bare calls and is warm."""
    command = [sys.executable, "-m", "benchmarks.bare", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        made = Bare(process)
        made.cpu(0, warm_ups)
        yield made
        process.terminate()


@dataclass
class Daemon:
    """A sender that runs, and an outbox to write into."""

    pid: int
    app: Sender
    directory: Path

    def send(self, first: int, reports: int) -> tuple[float, float]:
        """Enqueue ``reports`` due consultations; return the CPU seconds and the seconds of one, on the average."""
        file = self.directory / f"consultations-{first}.json"
        file.write_text(json.dumps([specimens.consultation(number) for number in range(first, first + reports)]))
        known = self._sent()
        before, begun = cpu_of(self.pid), time.monotonic()
        enqueue([file], self.app.intake, "benchmark")
        wait_until(lambda: self._sent() >= known + reports)
        return (cpu_of(self.pid) - before) / reports, (time.monotonic() - begun) / reports

    def _sent(self) -> int:
        with self.app.database.snapshot() as session:
            return self.app.counts(session).get("sent", 0)


@contextmanager
def sender(site: Site, kind: Kind, warm_ups: int) -> Iterator[Daemon]:
    """Give a sender that runs on a new database and is warm."""
    environment = site.sender(kind)
    with running([BIN / "federated-sender", "run"], environment, site.directory / "sender.log") as process:
        app = open_sender(environment)
        daemon = Daemon(process.pid, app, site.directory)
        daemon.send(0, warm_ups)
        yield daemon
        app.close()


def measure(site: Site, reports: int = 40, rounds: int = 5, warm_ups: int = 20) -> Result:
    """Send reports by the daemon and print the same ones bare, in turn."""
    ours: list[float] = []
    yardstick: list[float] = []
    slow: list[float] = []
    printed: list[float] = []
    with ExitStack() as stack:
        daemon = stack.enter_context(sender(site, "sqlite", warm_ups))
        calls, naive = stack.enter_context(bare(warm_ups)), stack.enter_context(bare(warm_ups, "--without-harfbuzz"))
        renderer = stack.enter_context(PdfRenderer())
        _print(renderer, 0, warm_ups)
        for number in range(rounds):
            first = 1000 + number * reports
            ours.append(daemon.send(first, reports)[0])
            yardstick.append(calls.cpu(first, reports))
            printed.append(_print(renderer, first, reports))
            slow.append(naive.cpu(first, max(2, reports // 8)))
    sent, one, our_print, naive_print = (middle(each) for each in (ours, yardstick, printed, slow))
    two = render_stage(reports, rounds)
    figures = (
        Figure("CPU from due row to MESH, beside one bare call", sent / one, "", Target(most=1.25)),
        Figure("the render stage with two processes, beside one", two, "", Target(least=1.7)),
        Figure(
            "CPU of the naive call without libharfbuzz-subset0, beside our print",
            naive_print / our_print,
            "",
            Target(least=4),
        ),
        Figure("CPU of a report, from due row to MESH", sent * 1000, "ms"),
        Figure("CPU of one bare call", one * 1000, "ms"),
        Figure("CPU of our print of it", our_print * 1000, "ms"),
        Figure("CPU of the naive call without the library", naive_print * 1000, "ms"),
    )
    words = (
        f"{reports} plain reports of one page a round, {rounds} rounds in turn after {warm_ups} warm-ups, medians of"
        " user and system time of the daemon and its render worker; MESH's own process is not counted. The bare call is"
        ' `HTML(string=html).write_pdf(pdf_variant="pdf/a-3a")` of the same HTML and stylesheet with a fresh'
        " `FontConfiguration` each time."
    )
    return Result("Sending", words, figures, {"send_cpu": sent})


def _print(renderer: PdfRenderer, first: int, reports: int) -> float:
    """Return the CPU seconds of one report in the render worker and of handing it over, on the average."""
    documents = [html_of(number) for number in range(first, first + reports)]  # made beside a bare call as well
    before = cpu_of(os.getpid())
    for html in documents:
        renderer.render(html)
    return (cpu_of(os.getpid()) - before) / reports


def render_stage(reports: int, rounds: int) -> float:
    """Return how many times the reports a second two render processes make of what one makes."""
    documents = [html_of(number) for number in range(reports)]
    with PdfRenderer(1) as one, PdfRenderer(2) as two:
        for renderer in (one, two):
            _rate(renderer, documents, 2)
        return middle(_rate(two, documents, 2) / _rate(one, documents, 1) for _ in range(rounds))


def _rate(renderer: PdfRenderer, documents: list[str], threads: int) -> float:
    """Return how many documents a second are made when ``threads`` ask for them."""

    def make(share: list[str]) -> None:
        for html in share:
            renderer.render(html)

    begun = time.monotonic()
    asking = [threading.Thread(target=make, args=(documents[number::threads],)) for number in range(threads)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    return len(documents) / (time.monotonic() - begun)
