"""Fixtures of the proofs: both daemons' benches, on SQLite alone, with a PDF that is not rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.specimen import PDF
from tests.federated_sender.bench import SenderBench, consultation
from tests.federated_sender.conftest import make_sender, sender
from tests.registered_receiver.conftest import make_receiver, mesh, receiver

__all__ = ["make_receiver", "make_sender", "mesh", "receiver", "sender"]


class FixedPdf:
    """Prints the same PDF for every report."""

    def render(self, html: str) -> bytes:
        return PDF


@pytest.fixture
def renderer() -> FixedPdf:
    return FixedPdf()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state.sqlite3"


@pytest.fixture
def sent(sender: SenderBench) -> SenderBench:
    """Give a sender whose report MESH has taken."""
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    assert sender.only()["state"] == "sent"
    return sender
