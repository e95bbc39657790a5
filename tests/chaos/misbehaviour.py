"""A MESH that misbehaves: every fault that a request may meet, and an inbox that is listed in any order."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

import httpx

from tests.fakes import fault_catalogue
from tests.fakes.fault_server import Exchange, Fault, FaultServer, Received, raw_body, serve, wire
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.mesh_wire import respond

# Seconds of the real world: longer than a victim waits for an answer (``victim.PATIENCE``).
_TOO_LONG: Final = 2.5
_PIECES: Final = 10
_STAMP: Final = re.compile(r":(\d{12}):")


def taken_and_silent(exchange: Exchange) -> None:
    """MESH takes what came, and its answer comes when nobody waits for it any more."""
    exchange.receive()
    response = exchange.pass_to_mesh()
    exchange.server.released.wait(_TOO_LONG)
    exchange.answer(response)


def silent(exchange: Exchange) -> None:
    """Nothing is taken and nothing is said for too long."""
    exchange.receive()
    exchange.server.released.wait(_TOO_LONG)
    exchange.reset()


def slow_body(exchange: Exchange) -> None:
    """MESH does what was asked; its answer comes in little pieces that are each in time, and all together are not."""
    exchange.receive()
    raw = wire(exchange.pass_to_mesh(), head_only=exchange.received.method == "HEAD")
    size = len(raw) // _PIECES + 1
    for start in range(0, len(raw), size):
        exchange.write(raw[start : start + size])
        exchange.server.released.wait(_TOO_LONG / _PIECES)


def clock_off(exchange: Exchange) -> None:
    """The clock of MESH is ten minutes ahead."""
    exchange.receive()
    response = exchange.pass_to_mesh()
    ahead = exchange.server.mesh.clock() + timedelta(minutes=10)
    response.headers["date"] = format_datetime(ahead, usegmt=True)
    exchange.answer(response)


def token_expired(exchange: Exchange) -> None:
    """The token is three hours old when MESH looks at it."""
    exchange.receive()
    headers = exchange.received.headers

    def earlier(found: re.Match[str]) -> str:
        stamp = datetime.strptime(found[1], "%Y%m%d%H%M").replace(tzinfo=UTC)
        return f":{stamp - timedelta(hours=3):%Y%m%d%H%M}:"

    headers["authorization"] = _STAMP.sub(earlier, headers.get("authorization", ""))
    exchange.answer(exchange.pass_to_mesh())


MISBEHAVIOUR: Final[Mapping[str, Fault]] = {
    **fault_catalogue.CUTS,
    **{name: fault for name, fault in fault_catalogue.REFUSALS.items() if name.endswith(("html", "empty"))},
    **fault_catalogue.TAKEN_BUT_REFUSED,
    **{name: fault_catalogue.HARMLESS[name] for name in ("byte by byte", "in pieces")},
    **{name: fault_catalogue.NONSENSE[name] for name in ("forbidden", "gzip cut short", "corrupt gzip", "no HTTP")},
    "taken and silent": taken_and_silent,
    "silent": silent,
    "slow body": slow_body,
    "token expired": token_expired,
    "clock off": clock_off,
}


class UnrulyMesh(InMemoryMesh):
    """A MESH that lists its inbox in another order each time, and some messages twice."""

    def __init__(self, clock: Callable[[], datetime], chance: random.Random) -> None:
        super().__init__(clock, page_size=25)
        self.chance = chance
        self.unruly = True
        self._withheld: dict[str, str] | None = None
        self._tracks = True

    def withhold(self) -> None:
        """Keep the first message that is asked for from now on in each mailbox, and give out what was kept before.

        Every other time, nothing is said either of what became of a message.
        """
        self._withheld, self._tracks = {}, not self._tracks

    def calm_down(self) -> None:
        """Misbehave no more."""
        self.unruly, self._withheld, self._tracks = False, None, True

    def _give(self, mailbox_id: str, message_id: str, number: int, request: httpx.Request) -> httpx.Response:
        if self._withheld is not None and self._withheld.setdefault(mailbox_id, message_id) == message_id:
            return respond(500, {"detail": "Internal Server Error"})
        return super()._give(mailbox_id, message_id, number, request)

    def _track(self, mailbox_id: str, message_id: str) -> httpx.Response:
        return super()._track(mailbox_id, message_id) if self._tracks else respond(503, {"detail": "busy"})

    def _list(self, mailbox_id: str, query: Mapping[str, str]) -> httpx.Response:
        answer = super()._list(mailbox_id, query)
        if not self.unruly:
            return answer
        page = json.loads(raw_body(answer))
        ids = list(page["messages"])
        ids += self.chance.sample(ids, len(ids) // 4)
        self.chance.shuffle(ids)
        return respond(answer.status_code, {**page, "messages": ids})


class UnrulyServer(FaultServer):
    """Serves that MESH; each request meets a fault with the chance ``share``. ``met`` counts them."""

    def __init__(self, mesh: UnrulyMesh) -> None:
        super().__init__(mesh)
        self.unruly = mesh
        self.share = 0.0
        self.met: dict[str, int] = {}

    def calm_down(self) -> None:
        """Misbehave no more."""
        self.share = 0.0
        self.unruly.calm_down()

    def _begin(self, received: Received) -> Fault:
        planned = super()._begin(received)
        # the record of what was asked would only grow
        del self.received[:-1000], self.mesh.requests[:-1000]
        chance = self.unruly.chance
        if planned is not serve or chance.random() >= self.share:
            return planned
        name = chance.choice(list(MISBEHAVIOUR))
        self.met[name] = self.met.get(name, 0) + 1
        return MISBEHAVIOUR[name]
