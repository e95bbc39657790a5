"""What is sent, and in which workflow of MESH."""

from __future__ import annotations

from pathlib import Path

import pytest

from federated_sender.settings import SenderSettings
from shared.config import load
from shared.errors import ConfigurationError
from tests.federated_sender.test_commands import settings


@pytest.mark.parametrize(
    ("written", "payload", "workflow"),
    [
        ({}, "task", "GPFED_CONSULT_REPORT"),
        ({"PAYLOAD": "Task"}, "task", "GPFED_CONSULT_REPORT"),
        ({"PAYLOAD": "document"}, "document", "GPCONNECT_SEND_DOCUMENT"),
        ({"PAYLOAD": "document", "MESH_WORKFLOW_ID": ""}, "document", "GPCONNECT_SEND_DOCUMENT"),
        ({"PAYLOAD": "document", "MESH_WORKFLOW_ID": "GPFED_CONSULT_REPORT"}, "document", "GPFED_CONSULT_REPORT"),
    ],
)
def test_the_payload_chooses_the_workflow_unless_one_is_named(
    tmp_path: Path, written: dict[str, str], payload: str, workflow: str
) -> None:
    loaded = load(SenderSettings, settings(tmp_path) | written)

    assert (loaded.payload, loaded.mesh_workflow_id) == (payload, workflow)
    assert set(loaded.workflows) == {"GPFED_CONSULT_REPORT", "GPCONNECT_SEND_DOCUMENT"}


def test_another_payload_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(SenderSettings, settings(tmp_path) | {"PAYLOAD": "letter"})

    assert [fault.where for fault in refused.value.faults] == ["PAYLOAD"]
