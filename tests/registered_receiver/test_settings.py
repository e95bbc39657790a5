from __future__ import annotations

from datetime import timedelta

import pytest

from registered_receiver.settings import ReceiverSettings
from shared.config import load
from shared.errors import ConfigurationError

ENVIRONMENT = {
    "STATE_DIRECTORY": "/var/lib/receiver",
    "PRACTICE_ODS_CODE": "B82002",
    "MESH_URL": "https://mesh.example",
    "MESH_MAILBOX_ID": "BIRCHMB1",
    "MESH_MAILBOX_PASSWORD": "password",
    "MESH_SHARED_KEY": "key",
}


def test_near_misses_wait_a_day_for_a_person_unless_something_else_is_said() -> None:
    settings = load(ReceiverSettings, ENVIRONMENT)

    assert (settings.match_review, settings.review_within) == ("on", timedelta(days=1))
    assert settings.database_url.get_secret_value() == "sqlite:////var/lib/receiver/registered-receiver.sqlite3"


def test_every_bad_variable_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(ReceiverSettings, {"MATCH_REVIEW": "maybe", "REVIEW_WITHIN": "soon", "REVIEW_WITHN": "P1D"})

    named = {fault.where for fault in refused.value.faults}
    assert {"MATCH_REVIEW", "REVIEW_WITHIN", "REVIEW_WITHN", "PRACTICE_ODS_CODE", "MESH_MAILBOX_ID"} <= named


@pytest.mark.parametrize(
    ("written", "collected"),
    [
        ({}, ("GPFED_CONSULT_REPORT", "GPCONNECT_SEND_DOCUMENT")),
        ({"MESH_WORKFLOW_ID": "GPCONNECT_SEND_DOCUMENT"}, ("GPCONNECT_SEND_DOCUMENT", "GPFED_CONSULT_REPORT")),
        ({"MESH_WORKFLOW_ID": "OURS"}, ("OURS", "GPFED_CONSULT_REPORT", "GPCONNECT_SEND_DOCUMENT")),
    ],
)
def test_both_published_workflows_are_collected_whatever_is_set(
    written: dict[str, str], collected: tuple[str, ...]
) -> None:
    assert load(ReceiverSettings, ENVIRONMENT | written).workflows == collected
