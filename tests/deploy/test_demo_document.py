"""The demo with ``PAYLOAD=document``: the same evening with documents of GP Connect Send Document 2.0.

A file of its own, so that the demos run beside each other.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.demo.cases import CASES
from tests.deploy.played import play


@pytest.mark.sandbox
@pytest.mark.requirement("2.0/GPCM-SD-057", "2.0/GPCM-SD-123", "2.0/Confidentiality")
def test_an_evening_of_documents_goes_as_it_must(tmp_path: Path) -> None:
    evening = play(tmp_path, "--payload", "document")

    assert evening.status == 0, evening.said + evening.complained
    sent = list(evening.stored("alder", "SELECT message FROM report_body"))
    versions = [each for case in CASES if not case.confidential for each in case.expected]
    assert len(sent) == sum(each.version is not None for each in versions)
    assert all(b"<Composition" in body and b"<Task" not in body for body in sent)
    updates = sum(each.version == 2 for each in versions)
    assert sum(b"<relatesTo" in body for body in sent) == updates
    workflows = {bytes(name) for name in evening.stored("alder", "SELECT CAST(workflow_id AS BLOB) FROM inbox")}
    assert workflows == {b"GPCONNECT_SEND_DOCUMENT_ACK", b"GPCONNECT_SEND_DOCUMENT"}
