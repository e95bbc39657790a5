"""Reports so large, for these clients, that they go in chunks."""

from __future__ import annotations

from functools import partial

import pytest

from shared.mesh.client import MeshClient
from tests.fakes import mesh_faults as faults
from tests.federated_sender.bench import consultation
from tests.flow import bench
from tests.flow.conftest import Wire
from tests.registered_receiver.bench import INDEXED_SMITH

DELIVERED = ("delivered", "20013", "30001")
CHUNK = 8_000


@pytest.fixture
def flow(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> bench.Flow:
    monkeypatch.setattr(bench, "MeshClient", partial(MeshClient, chunk_size=CHUNK))
    flow = wire()
    flow.receiver.know(INDEXED_SMITH)
    return flow


@pytest.mark.parametrize(
    ("chunk", "fault"),
    [("/outbox$", faults.timeout_after), ("/2$", faults.timeout_before), ("/3$", faults.timeout_after)],
    ids=["first", "middle", "last"],
)
def test_a_report_in_chunks_that_breaks_off_is_filed_once_and_never_broken(
    flow: bench.Flow, chunk: str, fault: faults.Fault
) -> None:
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)
    flow.mesh.fail_next("POST", chunk, *[fault] * (1 if chunk == "/outbox$" else 4))
    flow.sender.once()
    flow.receiver.once()
    before = flow.receiver.tasks()

    for _ in range(2):
        flow.pass_time(hours=1)
        flow.exchange()

    (report,) = flow.sender.posts()
    assert report.chunks > 2
    assert len(before) <= 1
    assert flow.state() == DELIVERED
    assert len(flow.receiver.tasks()) == 1
    assert flow.sender.alerts() == flow.receiver.alerts() == flow.lines("job.failed") == []
