"""A mailbox is collected whole whatever goes wrong with one message, and nothing is kept that is not the message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

from shared.errors import MeshError, MeshForbidden
from shared.mesh.inbox import Collector
from shared.mesh.messages import IncomingMessage
from tests.fakes import fault_catalogue as catalogue
from tests.fakes import fault_script as script
from tests.fakes.fault_server import Fault, FaultServer
from tests.shared.mesh.conftest import RECEIVER, SENDER

WORKFLOW = "GPFED_CONSULT_REPORT"
BODIES = [os.urandom(3000 + number) for number in range(5)]
FAULTS = {
    **catalogue.CUTS,
    **{name: catalogue.REFUSALS[name] for name in ("429 empty", "500 json", "502 html", "503 xml")},
    **catalogue.NONSENSE,
}
# These are not about a message: nothing else would be let in or answered, either.
OF_THE_ACCOUNT = ("a gateway wants a password", "forbidden")
CALLS = {"download": ("GET", "{}$"), "acknowledge": ("PUT", "{}/status/acknowledged$")}


class Practice:
    """Collects from a mailbox and keeps each body under the id of its message."""

    def __init__(self, faulty: FaultServer) -> None:
        self.kept: dict[str, bytes] = {}
        self.client = faulty.client(RECEIVER)
        self.collector = Collector(
            self.client,
            owns=lambda _: True,
            keep=self._keep,
            left=lambda _: None,
            max_bytes=100_000,
            workflows=(WORKFLOW,),
        )

    def _keep(self, message: IncomingMessage) -> None:
        self.kept[message.headers.message_id] = message.body


@pytest.fixture
def practice(faulty: FaultServer) -> Iterator[Practice]:
    practice = Practice(faulty)
    with practice.client:
        yield practice


@pytest.fixture
def ids(faulty: FaultServer) -> list[str]:
    return [faulty.mesh.put(RECEIVER, body, sender=SENDER, workflow_id=WORKFLOW) for body in BODIES]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_one_message_that_cannot_be_had_holds_nothing_up_and_comes_whole_at_last(
    faulty: FaultServer, practice: Practice, ids: list[str], fault: Fault, call: tuple[str, str]
) -> None:
    method, path = call
    faulty.plan(method, path.format(ids[1]), *[fault] * 9)

    with suppress(MeshForbidden):
        practice.collector.collect()
    after_one_round = dict(practice.kept)
    faulty.forget_plans()
    practice.collector.collect()

    wanted = dict(zip(ids, BODIES, strict=True))
    if fault not in [catalogue.NONSENSE[name] for name in OF_THE_ACCOUNT]:
        assert after_one_round.keys() >= wanted.keys() - {ids[1]}
    assert after_one_round.items() <= wanted.items()
    assert practice.kept == wanted
    assert faulty.mesh.inbox(RECEIVER) == []


@pytest.mark.parametrize("fault", catalogue.CUTS.values(), ids=catalogue.CUTS.keys())
def test_a_message_whose_acknowledgement_got_lost_is_given_again_or_gone_but_never_lost(
    faulty: FaultServer, practice: Practice, ids: list[str], fault: Fault
) -> None:
    faulty.plan("PUT", "/acknowledged$", *[fault] * 200)

    with suppress(MeshError):
        practice.collector.collect()
    faulty.forget_plans()
    for _ in range(2):
        practice.collector.collect()

    assert practice.kept == dict(zip(ids, BODIES, strict=True))
    assert faulty.mesh.inbox(RECEIVER) == []


def test_a_mesh_that_fails_altogether_is_not_asked_about_every_message(
    faulty: FaultServer, practice: Practice, ids: list[str]
) -> None:
    faulty.plan("GET", "/inbox/", *[script.answers(503, script.HTML)] * 99)

    with pytest.raises(MeshError):
        practice.collector.collect()

    asked = {each.path for each in faulty.seen("GET", "/inbox/")}
    assert len(asked) == 3 < len(ids)
    assert practice.kept == {}
