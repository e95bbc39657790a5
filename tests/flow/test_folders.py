"""The round trip over the MESH client's folders: the same tests as over the API, and what folders add to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from federated_sender import ledger as sender_ledger
from federated_sender.pdf import PdfRenderer
from shared.identifiers import MailboxId
from shared.mesh_folder.client import FolderClient
from shared.mesh_watch import FolderWatch
from tests.fakes.mesh import InMemoryMesh
from tests.fakes.mesh_folders import JavaClient
from tests.federated_sender.bench import consultation
from tests.flow import bench, test_round_trip
from tests.flow.bench import MAILBOXES, Flow
from tests.registered_receiver.bench import INDEXED_SMITH

# longer than the first looks at what was handed over, so that each round of the clients is seen
_A_WHILE = timedelta(seconds=301)

# what becomes of a report once it is there has nothing to do with its way
_BEYOND = ("near_miss", "confidential", "patient_who_left")

# the daemons cannot tell the difference, so neither can these
globals().update(
    {
        name: test
        for name, test in vars(test_round_trip).items()
        if name.startswith("test_") and not any(word in name for word in _BEYOND)
    }
)


@dataclass
class FolderFlow(Flow):
    """Both daemons, each with a MESH client and its folders between itself and MESH."""

    javas: dict[str, JavaClient]

    def root(self, ods_code: str) -> Path:
        return self.javas[ods_code].root


@pytest.fixture
def payload(request: pytest.FixtureRequest) -> str:
    """Give one payload, unless a test names another: the way of a message does not depend on what it says."""
    return str(getattr(request, "param", "task"))


@pytest.fixture
def bare(
    mesh: InMemoryMesh, renderer: PdfRenderer, payload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FolderFlow]:
    """Give both daemons; the MESH clients work when a test says so."""
    javas: dict[str, JavaClient] = {}

    def open_folders(mesh: InMemoryMesh, ods_code: str, answered: Callable[[], None]) -> FolderClient:
        mailbox = MailboxId(MAILBOXES[ods_code])
        javas[ods_code] = JavaClient(mesh, mailbox, tmp_path / mailbox)
        return FolderClient(mailbox, tmp_path / mailbox, mesh.clock, directory=tmp_path, observer=Heard(answered))

    class Heard(FolderWatch):
        def __init__(self, answered: Callable[[], None]) -> None:
            super().__init__("ALDERMB1", mesh.clock, Late(), sender_ledger.ALERTS, answered)  # type: ignore[arg-type]

    class Late:
        """The sender's database, which is there only after its MESH client."""

        def __getattr__(self, name: str) -> object:
            return getattr(sender.database, name)

    monkeypatch.setattr(bench, "_client", open_folders)
    sender = bench.wire_sender(f"sqlite:///{tmp_path}/sender.sqlite3", mesh, renderer, tmp_path / "sender", payload)
    receiver = bench.wire_receiver(f"sqlite:///{tmp_path}/receiver.sqlite3", mesh, tmp_path / "receiver")
    receiver.know(INDEXED_SMITH)
    yield FolderFlow(mesh, sender, receiver, bench.listen(), javas)
    sender.database.close()
    receiver.receiver.close()


@pytest.fixture
def flow(bare: FolderFlow) -> FolderFlow:
    """Give both daemons, with MESH clients that work between any two rounds of theirs."""
    bare.sender.once = _attended(bare.sender.once, bare, "A81001")  # type: ignore[method-assign]
    bare.receiver.once = _attended(bare.receiver.once, bare, "B82002")  # type: ignore[method-assign]
    return bare


def _attended(once: Callable[[], bool], flow: FolderFlow, ods_code: str) -> Callable[[], bool]:
    def attended() -> bool:
        well = True
        # a response that waits for the one before it takes a round of its own
        for _ in range(2):
            flow.javas[ods_code].collect()
            well = once() and well
            flow.javas[ods_code].send()
            flow.mesh.clock.move(_A_WHILE)  # type: ignore[attr-defined]
        return once() and well

    return attended


def test_a_report_is_queued_until_the_client_took_it(bare: FolderFlow) -> None:
    bare.sender.enqueue(consultation())
    bare.pass_time(hours=4)
    first = bare.sender.once()
    handed_over = bare.sender.only()
    bare.javas["A81001"].send()
    bare.pass_time(minutes=1)

    bare.sender.once()

    sent = bare.sender.only()
    assert first
    assert (handed_over["state"], handed_over["mesh_message_id"], handed_over["sent_at"]) == ("queued", None, None)
    assert (sent["state"], sent["mesh_message_id"]) == ("sent", bare.mesh.posts[0].message_id)
    assert len(bare.lines("mesh.handed_over")) == 1
    assert bare.lines("outage.began", "send.ambiguous", "send.postponed") == []


@pytest.mark.requirement("GPCM-SD-099")
def test_a_later_version_stays_behind_one_that_the_client_has_not_taken(bare: FolderFlow) -> None:
    bare.sender.enqueue(consultation())
    bare.pass_time(hours=4)
    bare.sender.once()
    bare.sender.enqueue(consultation(updated_at="2026-11-20T21:30:00+00:00", notes=[]))
    bare.pass_time(hours=4)

    bare.sender.once()

    assert len(list(bare.root("A81001").glob("OUT/*.ctl"))) == 1


def test_the_responses_to_several_reports_are_handed_over_in_one_go(bare: FolderFlow) -> None:
    for _ in range(3):
        bare.sender.enqueue(consultation(consultation_id=str(uuid4())))
    bare.pass_time(hours=4)
    bare.sender.once()
    bare.javas["A81001"].send()
    bare.javas["B82002"].collect()
    bare.receiver.step("collect")
    bare.receiver.step("process")

    bare.receiver.step("reply")
    first = len(list(bare.root("B82002").glob("OUT/*.ctl")))
    bare.receiver.step("reply")
    bare.javas["B82002"].send()
    bare.pass_time(minutes=1)
    bare.receiver.step("reply")
    bare.javas["B82002"].send()

    # what answers the same report is handed over once MESH has the one before
    assert (first, bare.receiver.answers()) == (3, ["20013"] * 3 + ["30001"] * 3)


def test_a_client_that_stands_still_is_told_of_once_and_the_alert_closes_by_itself(bare: FolderFlow) -> None:
    bare.sender.enqueue(consultation())
    bare.pass_time(hours=4)
    for _ in range(5):
        bare.sender.once()
        bare.pass_time(minutes=20)
    still = [alert["kind"] for alert in bare.sender.alerts()]
    bare.javas["A81001"].send()

    bare.sender.once()
    bare.pass_time(minutes=20)
    bare.sender.once()

    assert still.count("mesh_client_stopped") == 1
    assert bare.sender.alerts() == []
    assert [line["event"] for line in bare.lines("mesh.client_stopped", "mesh.client_works")] == [
        "mesh.client_stopped",
        "mesh.client_works",
    ]
    assert bare.sender.only()["state"] == "sent"


@pytest.mark.requirement("GPCM-SD-094")
@pytest.mark.parametrize("code", ["06", None], ids=["with a code", "without a code"])
def test_a_report_that_the_client_puts_into_failed_is_failed_and_somebody_is_told(
    flow: FolderFlow, code: str | None
) -> None:
    flow.javas["A81001"].fails_with = code
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)

    flow.sender.once()

    assert flow.sender.only()["state"] == "failed"
    (alert,) = flow.sender.alerts()
    assert alert["kind"] == "undeliverable"
    assert ("gives no code" in alert["text"]) == (code is None)
    assert list(flow.root("A81001").glob("FAILED/*")) == []


def test_a_response_that_the_client_puts_into_failed_is_told_of(flow: FolderFlow) -> None:
    flow.javas["B82002"].fails_with = "06"
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)

    flow.exchange()

    assert {alert["kind"] for alert in flow.receiver.alerts()} == {"response_undelivered"}
    assert flow.state()[0] == "sent"


def test_what_cannot_be_read_in_the_folder_is_told_of_once_and_holds_nothing_up(flow: FolderFlow) -> None:
    inbox = flow.root("B82002") / "IN"
    (inbox / "20261120-odd.ctl").write_bytes(b"<!DOCTYPE x><DTSControl/>")
    (inbox / "20261120-lone.ctl").write_bytes(
        b"<DTSControl><MessageType>Data</MessageType><DTSId>LONE1</DTSId><WorkflowId>GPFED_CONSULT_REPORT</WorkflowId>"
        b"</DTSControl>"
    )
    (inbox / "20261120-foreign.ctl").write_bytes(
        b"<DTSControl><MessageType>Data</MessageType><DTSId>FOREIGN1</DTSId><WorkflowId>OTHER</WorkflowId></DTSControl>"
    )
    flow.sender.enqueue(consultation())
    flow.pass_time(hours=4)

    flow.exchange()
    flow.exchange()

    assert flow.state() == ("delivered", "20013", "30001")
    told = [line["mesh_message_id"] for line in flow.lines("collection.failed")]
    assert sorted(told) == ["IN-20261120-odd", "LONE1"]
    assert sorted(alert["subject_id"] for alert in flow.receiver.alerts()) == ["IN-20261120-odd", "LONE1"]
    assert [row["mesh_message_id"] for row in flow.receiver.messages("ignored")] == ["FOREIGN1"]
    assert sorted(path.name for path in inbox.iterdir()) == [
        "20261120-foreign.ctl",
        "20261120-lone.ctl",
        "20261120-odd.ctl",
    ]
    # what was odd can be read now, and is nobody's here
    (inbox / "20261120-odd.ctl").write_bytes((inbox / "20261120-foreign.ctl").read_bytes().replace(b"GN1", b"GN2"))
    flow.receiver.once()
    assert [alert["subject_id"] for alert in flow.receiver.alerts()] == ["LONE1"]
