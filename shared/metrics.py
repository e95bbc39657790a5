"""The optional endpoint on loopback: ``/metrics`` for Prometheus, ``/healthz`` for whoever restarts containers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.clock import Clock
from shared.db import DATABASE_AWAY
from shared.errors import CommandFailed
from shared.heartbeat import Backlog
from shared.setting_types import Address
from shared.vitals import BOUNDS, Latencies, Vitals

PREFIX = "federated_consultation"


@dataclass(frozen=True)
class Figures(Collector):
    """What is told of a daemon; ``backlog`` asks the database, ``counts`` has every record by its state.

    No label has anything that came with a message or a consultation.
    """

    clock: Clock
    vitals: Vitals
    backlog: Callable[[], Backlog]
    counts: Callable[[], Mapping[str, int]]
    latencies: Latencies

    def collect(self) -> Iterable[Metric]:
        """Return every figure, as Prometheus asks for them."""
        yield from self._jobs()
        yield self._mesh()
        up = GaugeMetricFamily(f"{PREFIX}_database_up", "Whether the database answers.")
        try:
            backlog, counts = self.backlog(), self.counts()
        except DATABASE_AWAY:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        records = GaugeMetricFamily(f"{PREFIX}_records", "Records in each state.", labels=["state"])
        for state, number in {**counts, **backlog.unfinished}.items():
            records.add_metric([state], number)
        yield records
        for name, text, value in (
            ("oldest_work_seconds", "How long the oldest due work has waited.", backlog.oldest_seconds(self.clock())),
            ("parked", "Records that were set aside for a person.", backlog.parked),
            ("alerts_open", "Open alerts.", backlog.open_alerts),
        ):
            yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)

    def _mesh(self) -> Metric:
        calls = HistogramMetricFamily(
            f"{PREFIX}_mesh_call_seconds", "How long MESH took to answer each kind of call.", labels=["call"]
        )
        for call, latency in self.latencies.calls().items():
            within = [(str(bound), count) for bound, count in zip(BOUNDS, latency.within, strict=True)]
            calls.add_metric([call], [*within, ("+Inf", latency.answers)], latency.seconds)
        return calls

    def _jobs(self) -> Iterator[Metric]:
        # not "job": Prometheus keeps that label for itself
        rounds = CounterMetricFamily(f"{PREFIX}_job_steps", "Steps of each job.", labels=["daemon_job", "outcome"])
        success = GaugeMetricFamily(
            f"{PREFIX}_job_last_success_timestamp_seconds", "When each job last succeeded.", labels=["daemon_job"]
        )
        late = GaugeMetricFamily(
            f"{PREFIX}_job_late", "Whether a job has not succeeded for its time.", labels=["daemon_job"]
        )
        now = self.clock()
        for name, job in self.vitals.jobs().items():
            rounds.add_metric([name, "succeeded"], job.succeeded)
            rounds.add_metric([name, "failed"], job.failed)
            if job.succeeded_at is not None:
                success.add_metric([name], job.succeeded_at.timestamp())
            late.add_metric([name], job.is_late(now))
        yield from (rounds, success, late)


class _Quiet(WSGIRequestHandler):
    # a connection that says nothing must not stay for ever
    timeout = 10.0

    def log_message(self, *_: object) -> None:
        """Say nothing: the log is for what the daemon does."""


class _Server(ThreadingMixIn, WSGIServer):
    """Whoever connects and says nothing keeps nobody else waiting, nor the daemon from its end."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: somebody hung up."""


class _Version6(_Server):
    address_family = socket.AF_INET6


def _server(address: Address) -> type[WSGIServer]:
    return _Version6 if ":" in address.host else _Server


@contextmanager
def endpoint(address: Address, figures: Figures) -> Iterator[Address]:
    """Serve until the end of the ``with``; gives where, whose port differs when 0 was asked for.

    Raises CommandFailed when the address is taken.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(figures)
    metrics, vitals = make_wsgi_app(registry), figures.vitals

    def answer(environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == "/metrics":
            found: Iterable[bytes] = metrics(environ, respond)
            return found
        if environ.get("PATH_INFO") == "/healthz":
            late = vitals.late()
            respond("503 Service Unavailable" if late else "200 OK", [("Content-Type", "text/plain")])
            return [f"late: {', '.join(late)}\n".encode() if late else b"ok\n"]
        respond("404 Not Found", [("Content-Type", "text/plain")])
        return [b"there are /metrics and /healthz\n"]

    try:
        server = make_server(address.host, address.port, answer, _server(address), _Quiet)
    except OSError as error:
        raise CommandFailed(f"METRICS_ADDRESS {address.host}:{address.port}: {error.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield Address(address.host, server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
