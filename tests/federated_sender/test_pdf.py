from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import pytest

from federated_sender.layout import print_pdf
from federated_sender.pdf import PdfRenderer
from shared.errors import RenderingFailed
from tests.federated_sender.reports import consultation, html, notes

REPORT = html()


class Running(NamedTuple):
    """A renderer of one worker, and the processes that were there before it."""

    renderer: PdfRenderer
    others: list[BaseProcess]

    def worker(self) -> BaseProcess:
        (process,) = set(active_children()) - set(self.others)
        return process

    def prints(self) -> bool:
        return self.renderer.render(REPORT).startswith(b"%PDF")


class Poison(str):
    """A report that ends the process that takes it up."""

    __slots__ = ()

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (1,)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    others = active_children()
    with PdfRenderer() as renderer:
        renderer.start()
        yield Running(renderer, others)


def test_a_report_is_printed_by_the_worker_as_it_would_be_here(running: Running) -> None:
    assert running.renderer.render(REPORT) == print_pdf(REPORT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_survives_the_signals_that_stop_the_daemon(running: Running, number: signal.Signals) -> None:
    before = running.worker()
    assert before.pid is not None

    os.kill(before.pid, number)

    assert running.prints()
    assert running.worker() == before


def test_a_report_that_cannot_be_laid_out_costs_itself_only_and_is_not_quoted(running: Running) -> None:
    before = running.worker()

    with pytest.raises(RenderingFailed) as refused:
        running.renderer.render("<p>Smith \ud800")

    assert str(refused.value) == "the report could not be laid out (UnicodeEncodeError)"
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    assert running.prints()
    assert running.worker() == before


def test_a_worker_that_died_between_reports_is_replaced(running: Running) -> None:
    before = running.worker()

    before.kill()
    before.join()

    assert running.prints()
    assert running.worker() != before


def test_a_worker_that_dies_over_a_report_costs_that_report_only(running: Running) -> None:
    before = running.worker()

    with pytest.raises(RenderingFailed, match="ended before the report was ready"):
        running.renderer.render(Poison())

    assert running.prints()
    assert running.worker() != before


def test_a_report_that_takes_too_long_is_given_up_and_its_worker_ended() -> None:
    with PdfRenderer(timeout=timedelta(milliseconds=1)) as hasty:
        hasty.start()
        children = active_children()

        with pytest.raises(RenderingFailed, match=r"not ready within 0\.001 s"):
            hasty.render(REPORT)

        assert len(children) - len(active_children()) == 1


def test_threads_share_the_workers() -> None:
    reports = [html(consultation(notes=notes(f"Entry {number}"))) for number in range(4)]

    with PdfRenderer(workers=2) as shared, ThreadPoolExecutor(4) as threads:
        printed = list(threads.map(shared.render, reports))

    assert len(set(printed)) == 4


def test_closing_ends_the_workers_and_a_later_report_starts_them_again() -> None:
    before = len(active_children())
    renderer = PdfRenderer()

    renderer.start()
    renderer.close()
    ended = len(active_children())
    again = renderer.render(REPORT)
    renderer.close()

    assert ended == before
    assert again.startswith(b"%PDF")


def test_a_worker_that_cannot_start_says_where_to_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango')")
    monkeypatch.syspath_prepend(tmp_path)

    with PdfRenderer() as broken, pytest.raises(RenderingFailed, match="federated-sender check says why"):
        broken.start()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to watch a process that is no child")
def test_the_worker_ends_when_the_daemon_is_killed() -> None:
    program = (
        "import os, signal\n"
        "from multiprocessing import active_children\n"
        "from federated_sender.pdf import PdfRenderer\n"
        "if __name__ == '__main__':\n"
        "    PdfRenderer().start()\n"
        "    print(active_children()[0].pid, flush=True)\n"
        "    os.read(0, 1)\n"
    )
    daemon = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    orphan = os.pidfd_open(int(daemon.stdout.readline()))

    daemon.kill()
    daemon.communicate()

    ended, _, _ = select.select([orphan], [], [], 30)
    os.close(orphan)
    assert ended == [orphan]
