"""What is logged and alerted of what the MESH client observes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy.exc import OperationalError

import registered_receiver
from registered_receiver import ledger
from shared import log
from shared.db import Database
from shared.mesh.certificates import Expiry
from shared.mesh_watch import MeshWatch
from tests.fakes.clock import MovableClock

MAILBOX = "B82002OT001"
MIGRATIONS = Path(registered_receiver.__file__).parent / "migrations"


class Bench:
    def __init__(self, database_url: str, stream: io.StringIO) -> None:
        self.clock = MovableClock()
        self.database = Database(database_url, schema="registered_receiver", migrations=MIGRATIONS)
        self.database.migrate()
        self.answers = 0
        self.calls: list[tuple[str, timedelta]] = []
        self.watch = self.restart()
        self._stream = stream

    def restart(self) -> MeshWatch:
        self.watch = MeshWatch(MAILBOX, self.clock, self.database, ledger.ALERTS, self._count, self._took)
        return self.watch

    def _took(self, call: str, duration: timedelta) -> None:
        self.calls.append((call, duration))

    def _count(self) -> None:
        self.answers += 1

    def events(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        return [line for line in lines if line["event"].startswith("mesh.")]

    def names(self) -> list[str]:
        return [line["event"] for line in self.events()]

    def alerts(self) -> list[tuple[str, str, bool]]:
        with self.database.snapshot() as session:
            found = reversed(ledger.ALERTS.listing(session))
            return [(alert.kind, alert.subject_id, alert.closed_at is None) for alert in found]


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    stream = io.StringIO()
    log.configure("debug", "json", "test", stream)
    bench = Bench(database_url, stream)
    yield bench
    bench.database.close()
    structlog.reset_defaults()


def test_every_good_answer_is_passed_on(bench: Bench) -> None:
    bench.watch.answered()

    assert bench.answers == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_a_clock_that_is_over_a_minute_off_is_told_of_once_until_it_is_right_again(bench: Bench, sign: int) -> None:
    for seconds in (2, 60, 61, 70, 45, 62, 29, 60, 61):
        bench.watch.clock_compared(timedelta(seconds=sign * seconds))

    assert bench.names() == ["mesh.clock_off", "mesh.clock_right", "mesh.clock_off"]
    assert bench.events()[0]["seconds"] == sign * 61
    assert bench.alerts() == []


def test_a_clock_that_is_over_half_an_hour_off_is_an_alert_that_closes_when_it_is_right_again(bench: Bench) -> None:
    for minutes in (30, 31, 90, 31):
        bench.watch.clock_compared(timedelta(minutes=minutes))
    opened = bench.alerts()
    bench.watch.clock_compared(timedelta(minutes=10))
    still = bench.alerts()
    bench.watch.clock_compared(timedelta(seconds=1))

    assert opened == still == [("clock_off", MAILBOX, True)]
    assert bench.alerts() == [("clock_off", MAILBOX, False)]


def test_the_alert_of_a_clock_that_was_set_while_the_daemon_was_down_closes_too(bench: Bench) -> None:
    bench.watch.clock_compared(timedelta(hours=-1))

    bench.restart().clock_compared(timedelta(0))

    assert bench.alerts() == [("clock_off", MAILBOX, False)]


def test_an_alert_that_the_database_could_not_keep_is_kept_at_the_next_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = bench.database.transaction
    monkeypatch.setattr(bench.database, "transaction", away)
    bench.watch.clock_compared(timedelta(hours=1))
    monkeypatch.setattr(bench.database, "transaction", healthy)

    bench.watch.clock_compared(timedelta(hours=1))

    assert bench.alerts() == [("clock_off", MAILBOX, True)]
    assert bench.names() == ["mesh.clock_off"]


def away() -> Any:
    raise OperationalError("BEGIN", {}, Exception("away"))


def expiring(bench: Bench, days: float, setting: str = "MESH_CLIENT_CERT_FILE") -> Expiry:
    return Expiry(setting, bench.clock() + timedelta(days=days))


@pytest.mark.parametrize(
    ("days", "warned", "alerted"),
    [(31, False, False), (30, True, False), (15, True, False), (14, True, True), (-1, True, True)],
)
def test_a_certificate_is_warned_of_from_30_days_before_its_end_and_alerted_from_14(
    bench: Bench, days: int, warned: bool, alerted: bool
) -> None:
    bench.watch.certificates_expire([expiring(bench, days)])

    assert bench.names() == ["mesh.certificate_expires"] * warned
    assert bench.alerts() == [("certificate_expires", "MESH_CLIENT_CERT_FILE", True)] * alerted


def test_who_renews_a_certificate_is_told_when_that_needs_a_restart(bench: Bench) -> None:
    bench.watch.certificates_expire([expiring(bench, 3)])

    with bench.database.snapshot() as session:
        (alert,) = ledger.ALERTS.listing(session)
    assert "As a service of systemd or in a container, restart" in alert.action


def test_a_certificate_is_warned_of_once_a_day_and_each_file_for_itself(bench: Bench) -> None:
    both = [expiring(bench, 20), expiring(bench, 25, "MESH_CA_FILE")]

    for _ in range(3):
        bench.watch.certificates_expire(both)
        bench.clock.move(timedelta(hours=12))

    assert [(line["setting"], line["days_left"]) for line in bench.events()] == [
        ("MESH_CLIENT_CERT_FILE", 20), ("MESH_CA_FILE", 25), ("MESH_CLIENT_CERT_FILE", 19), ("MESH_CA_FILE", 24),
    ]  # fmt: skip


def test_a_renewed_certificate_closes_its_alert(bench: Bench) -> None:
    bench.watch.certificates_expire([expiring(bench, 3), expiring(bench, 3, "MESH_CA_FILE")])

    bench.watch.certificates_expire([expiring(bench, 365), expiring(bench, 3, "MESH_CA_FILE")])

    assert set(bench.alerts()) == {
        ("certificate_expires", "MESH_CLIENT_CERT_FILE", False),
        ("certificate_expires", "MESH_CA_FILE", True),
    }


def test_changed_files_are_told_of_whether_they_can_be_used_or_not(bench: Bench) -> None:
    bench.watch.certificates_changed()
    bench.watch.certificates_unusable("MESH_CA_FILE: is not a readable PEM file")

    assert bench.names() == ["mesh.certificates_read", "mesh.certificates_unusable"]
