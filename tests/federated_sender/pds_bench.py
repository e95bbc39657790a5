"""A PDS client over a PDS server on loopback, by the moved clock of the test: a pause takes no time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from federated_sender.pds import PdsPractices
from federated_sender.pds_client import PdsAddress, PdsClient
from federated_sender.pds_connection import PdsConnection
from federated_sender.pds_token import Application
from tests.fakes.clock import MovableClock
from tests.fakes.pds_server import API_KEY, KEY_ID, PdsServer

REPORT_ID = "6f2b7c1e-3a4d-5e6f-8a9b-0c1d2e3f4a5b"


def wire_connection(
    *urls: str, clock: MovableClock, rate_limit: int = 5, pauses: list[float] | None = None
) -> PdsConnection:
    def sleep(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)
        clock.move(timedelta(seconds=seconds))

    return PdsConnection(urls, rate_limit, clock, sleep=sleep, seconds=lambda: clock().timestamp())


def wire_client(
    server: PdsServer,
    clock: MovableClock,
    answered: Callable[[], None] = lambda: None,
    *,
    rate_limit: int = 5,
    pauses: list[float] | None = None,
) -> PdsClient:
    address = PdsAddress(server.pds_url, server.token_url)
    connection = wire_connection(server.url, clock=clock, rate_limit=rate_limit, pauses=pauses)
    return PdsClient(address, Application(API_KEY, KEY_ID, server.key), connection, clock, answered)


def wire_practices(server: PdsServer, clock: MovableClock, answered: Callable[[], None]) -> PdsPractices:
    return PdsPractices(wire_client(server, clock, answered), clock)
