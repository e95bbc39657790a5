"""The endpoint on loopback: figures for Prometheus, and whether the daemon is well."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from shared.errors import CommandFailed
from shared.health import ask_health, main
from shared.heartbeat import Backlog
from shared.metrics import Figures, endpoint
from shared.setting_types import Address
from shared.vitals import Latencies, Vitals
from tests.fakes.clock import MovableClock

ANYWHERE = Address("127.0.0.1", 0)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def vitals(clock: MovableClock) -> Vitals:
    vitals = Vitals(clock)
    vitals.expect("collect", timedelta(minutes=5))
    return vitals


@pytest.fixture
def figures(clock: MovableClock, vitals: Vitals) -> Figures:
    since = clock() - timedelta(minutes=2)
    return Figures(
        clock, vitals, lambda: Backlog({"queued": 2}, since, 1, 3), lambda: {"queued": 2, "delivered": 40}, Latencies()
    )


@pytest.fixture
def get(figures: Figures) -> Iterator[Callable[[str], httpx.Response]]:
    with endpoint(ANYWHERE, figures) as address, httpx.Client(trust_env=False) as client:
        yield lambda path: client.get(f"http://{address.host}:{address.port}{path}")


def test_records_by_state_the_oldest_work_and_what_waits_for_a_person(get: Callable[[str], httpx.Response]) -> None:
    lines = get("/metrics").text.splitlines()

    assert 'federated_consultation_records{state="queued"} 2.0' in lines
    assert 'federated_consultation_records{state="delivered"} 40.0' in lines
    assert "federated_consultation_oldest_work_seconds 120.0" in lines
    assert "federated_consultation_parked 1.0" in lines
    assert "federated_consultation_alerts_open 3.0" in lines
    assert "federated_consultation_database_up 1.0" in lines


def test_how_long_mesh_takes_by_what_it_is_asked_for(get: Callable[[str], httpx.Response], figures: Figures) -> None:
    for seconds in (0.2, 0.25, 3, 400):
        figures.latencies.took("send", timedelta(seconds=seconds))
    figures.latencies.took("list", timedelta(seconds=0.01))

    lines = get("/metrics").text.splitlines()

    name = "federated_consultation_mesh_call_seconds"
    counts = {"0.1": 0, "0.25": 2, "0.5": 2, "2.5": 2, "5.0": 3, "60.0": 3, "+Inf": 4}
    assert {f'{name}_bucket{{call="send",le="{le}"}} {count}.0' for le, count in counts.items()} <= set(lines)
    assert {f'{name}_count{{call="send"}} 4.0', f'{name}_sum{{call="send"}} 403.45'} <= set(lines)
    assert f'{name}_bucket{{call="list",le="0.1"}} 1.0' in lines


def test_each_job_with_its_last_success(
    get: Callable[[str], httpx.Response], vitals: Vitals, clock: MovableClock
) -> None:
    for well in (True, True, False):
        vitals.began("collect")
        vitals.ended("collect", well=well)

    lines = get("/metrics").text.splitlines()

    assert 'federated_consultation_job_steps_total{daemon_job="collect",outcome="succeeded"} 2.0' in lines
    assert 'federated_consultation_job_steps_total{daemon_job="collect",outcome="failed"} 1.0' in lines
    assert 'federated_consultation_job_late{daemon_job="collect"} 0.0' in lines
    (last,) = (line for line in lines if line.startswith("federated_consultation_job_last_success_timestamp_seconds{"))
    assert float(last.rpartition(" ")[2]) == clock().timestamp()


def test_a_database_that_is_away_is_a_figure_and_no_failure(clock: MovableClock, vitals: Vitals) -> None:
    def away() -> Backlog:
        raise OperationalError("SELECT", {}, Exception("gone"))

    with endpoint(ANYWHERE, Figures(clock, vitals, away, dict, Latencies())) as address:
        answer = httpx.get(f"http://{address.host}:{address.port}/metrics", trust_env=False)

    assert answer.status_code == 200
    assert "federated_consultation_database_up 0.0" in answer.text
    assert "federated_consultation_records" not in answer.text


def test_it_is_healthy_until_a_job_has_not_succeeded_for_its_time(figures: Figures, clock: MovableClock) -> None:
    with endpoint(ANYWHERE, figures) as address:
        well = ask_health(*address)
        clock.move(timedelta(hours=1))
        ill = ask_health(*address)
        status = main(f"{address.host}:{address.port}")

    assert well == (True, "ok")
    assert ill == (False, "late: collect")
    assert status == 1
    assert ask_health(*address) == (False, f"nobody answers at 127.0.0.1:{address.port}")
    assert main("") == 1


def test_nothing_else_is_there(get: Callable[[str], httpx.Response]) -> None:
    assert get("/").status_code == 404


def test_an_address_that_is_taken_is_said(figures: Figures) -> None:
    with (
        endpoint(ANYWHERE, figures) as address,
        pytest.raises(CommandFailed, match="METRICS_ADDRESS"),
        endpoint(address, figures),
    ):
        pass


def test_it_listens_on_the_other_loopback_too(figures: Figures) -> None:
    with endpoint(Address("::1", 0), figures) as address:
        assert ask_health(*address) == (True, "ok")
        assert main(f"[::1]:{address.port}") == 0


def test_whoever_connects_and_says_nothing_keeps_neither_others_nor_the_daemons_end_waiting(figures: Figures) -> None:
    # the endpoint ends first: the other side keeps its connection until then
    with socket.socket() as silent, endpoint(ANYWHERE, figures) as address:
        silent.connect(address)

        assert ask_health(*address) == (True, "ok")
