"""Measure 4: the memory of both daemons over many messages with large attachments, and of one large message."""

from __future__ import annotations

import base64
import json
import random
from typing import Final

from benchmarks import specimens
from benchmarks.figures import SHOWN, Figure, Result, Target
from benchmarks.processes import BIN, family_of, forget_peak, peak_of, pss_of, running, wait_until
from benchmarks.sites import Site, open_receiver, open_sender
from federated_sender.app import Sender
from federated_sender.enqueue import enqueue
from registered_receiver.app import Receiver

_PROCESS: Final = Target(most=150)
_DAEMON: Final = Target(most=260)
_AT_ONCE: Final = 10


def measure(site: Site, messages: int = 1000, size: int = 5_000_000, large: int = 15_000_000) -> Result:
    """Let reports with an attachment each travel from the sender to the receiver, and look at both all the while."""
    figures = [*_sender(site, messages, size), *_receiver(site, messages, size, large)]
    words = (
        f"{messages} messages with an attachment of {size / 1e6:g} MB each, PSS after every {_AT_ONCE}. The growth"
        " compares the last fifth with the second. The peak is the most that the receiver's process held while it dealt"
        f" with one message of {large / 1e6:g} MB, less what it held before, in sizes of that message."
    )
    return Result("Memory", words, figures)


def _sender(site: Site, messages: int, size: int) -> list[Figure]:
    environment = site.sender("sqlite", MAX_MESSAGE_SIZE="40MB")
    app = open_sender(environment)
    looks: list[list[float]] = []
    with running([BIN / "federated-sender", "run"], environment, site.directory / "sender.log") as process:
        for first in range(0, messages, _AT_ONCE):
            file = site.directory / "large.json"
            numbers = range(50_000 + first, 50_000 + min(first + _AT_ONCE, messages))
            file.write_text(json.dumps([_large(number, size) for number in numbers]))
            enqueue([file], app.intake, "benchmark")
            wait_until(lambda done=numbers.stop - 50_000: _count(app, "sent") >= done)  # type: ignore[misc]
            looks.append([pss_of(each) for each in family_of(process.pid)])
            # MESH keeps in memory what was sent
            site.empty(specimens.RECEIVER)
    app.close()
    return _figures("sender", looks)


def _large(number: int, size: int) -> dict[str, object]:
    data = b"%PDF-1.7\n" + random.Random(number).randbytes(size)
    attachment = {"title": "Scan", "content_type": "application/pdf", "data": base64.b64encode(data).decode()}
    return specimens.consultation(number) | {"attachments": [attachment]}


def _count(app: Sender | Receiver, state: str) -> int:
    with app.database.snapshot() as session:
        return app.counts(session).get(state, 0)


def _receiver(site: Site, messages: int, size: int, large: int) -> list[Figure]:
    environment = site.receiver("sqlite", MAX_MESSAGE_SIZE="40MB")
    app = open_receiver(environment)
    looks: list[list[float]] = []
    body = size * 4 // 3
    with running([BIN / "registered-receiver", "run"], environment, site.directory / "receiver.log") as process:
        for first in range(0, messages, _AT_ONCE):
            count = min(_AT_ONCE, messages - first)
            site.deliver([specimens.report(90_000 + first + each, body) for each in range(count)])
            wait_until(lambda done=first + count: _count(app, "filed") >= done)  # type: ignore[misc]
            looks.append([pss_of(each) for each in family_of(process.pid)])
        forget_peak(process.pid)
        base = peak_of(process.pid)
        site.deliver([specimens.report(200_000, large)])
        wait_until(lambda: _count(app, "filed") >= messages + 1)
        peak = (peak_of(process.pid) - base) * 1e6 / large
    app.close()
    return [
        *_figures("receiver", looks),
        Figure("peak of the receiver for one large message", peak, "sizes", Target(most=5)),
    ]


def _figures(daemon: str, looks: list[list[float]]) -> list[Figure]:
    whole = [sum(look) for look in looks]
    fifth = max(1, len(whole) // 5)
    early = whole[fifth : 2 * fifth] or whole[:1]
    growth = sum(whole[-fifth:]) / fifth - sum(early) / len(early)
    return [
        Figure(f"largest process of the {daemon}", max(max(look) for look in looks), "MB", _PROCESS),
        Figure(f"all of the {daemon}", max(whole), "MB", _DAEMON),
        Figure(f"growth of the {daemon}", growth, "MB", SHOWN),
    ]
