"""Our own sender against the synthetic receiver: each given name leads a report to the state that it must."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest

from federated_sender.pdf import PdfRenderer
from registered_receiver.harness import ReceiverHarness
from registered_receiver.harness_choice import NAMES
from registered_receiver.replies import Responder
from shared.itk3.codes import RESPONSE_CODES, Level
from tests.fakes.mesh import InMemoryMesh
from tests.federated_sender.bench import SenderBench, consultation
from tests.flow.bench import MAILBOXES, wire_sender

# what the name does not say by itself; else a good code of the first level is "accepted", a bad one of either "failed"
EXPECTED = {
    "IB001": ("delivered", "20013", "30001", []),
    "IB002": ("failed", "20013", "30002", ["negative_response"]),
    "IB003": ("failed", "20013", "30003", ["negative_response"]),
    "IB004": ("delivered", "20013", "30004", []),
    "noresponse": ("sent", None, None, []),
    "invrep": ("sent", None, None, ["unknown_response"]),
    "20007": ("accepted", "20007", None, []),
    "20008": ("accepted", "20008", None, []),
    # decision 25: the business level may come first, and waits for the other
    "30001": ("sent", None, "30001", []),
    "30004": ("sent", None, "30004", []),
}


class NoRenderer(PdfRenderer):
    """Prints nothing: what is answered does not depend on it."""

    def render(self, html: str) -> bytes:
        return b"%PDF-1.7\nsynthetic"


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[SenderBench]:
    mesh = InMemoryMesh()
    for ods_code, mailbox_id in MAILBOXES.items():
        mesh.add_mailbox(mailbox_id, ods_code=ods_code)
    mesh.register("9690937278", date(1957, 1, 9), "Smith", "BIRCHMB1")
    bench = wire_sender(f"sqlite:///{tmp_path}/sender.sqlite3", mesh, NoRenderer(), tmp_path)
    yield bench
    bench.database.close()


def expected(name: str) -> tuple[str, str | None, str | None, list[str]]:
    if name in EXPECTED:
        return EXPECTED[name]
    meaning = RESPONSE_CODES.get(name)
    if meaning is None or meaning.level is Level.INFRASTRUCTURE:
        good = meaning is not None and meaning.positive
        return ("accepted", name, None, []) if good else ("failed", name, None, ["negative_response"])
    if meaning.positive:
        # good news about a referral, which nobody asked for, says nothing of the report
        return "sent", None, None, ["unknown_response"]
    return "failed", None, name, ["negative_response"]


@pytest.mark.requirement("GPCM-SD-094")
def test_every_name_leads_a_report_to_its_state_and_its_alert(sender: SenderBench) -> None:
    names = {str(uuid5(NAMESPACE_URL, name)): name for name in NAMES}
    sender.enqueue(
        *(consultation(consultation_id=key, patient__given=["Richard", name]) for key, name in names.items())
    )
    sender.pass_time(hours=4)
    sender.once()
    client = sender.mesh.client("BIRCHMB1")
    responder = Responder("B82002", "BIRCHMB1")
    harness = ReceiverHarness(
        client, sender.mesh.clock, responder, ("GPFED_CONSULT_REPORT",), 20_000_000, tell=lambda _: None
    )

    harness.collector().collect()
    sender.once()

    alerts: dict[str, list[str]] = {}
    for alert in sender.alerts():
        alerts.setdefault(alert["subject_id"], []).append(alert["kind"])
    found = {
        names[row["consultation_id"]]: (
            *(row["state"], row["infrastructure_code"], row["business_code"]),
            alerts.get(row["report_id"], []),
        )
        for row in sender.status()
    }
    assert found == {name: expected(name) for name in NAMES}
