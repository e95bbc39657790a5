"""Where the registered practice comes from when PDS is not asked, and what opens either way."""

from __future__ import annotations

from pathlib import Path

import pytest

from federated_sender.pds import OutboxPractices, PdsPractices, open_practices
from federated_sender.pds_rules import Registration
from federated_sender.settings import SenderSettings
from shared.clock import system_clock
from shared.config import load
from shared.errors import InvalidConsultation
from tests.federated_sender.reports import consultation
from tests.federated_sender.test_commands import settings

REPORT_ID = "6f2b7c1e-3a4d-5e6f-8a9b-0c1d2e3f4a5b"


def test_the_row_is_trusted_when_pds_is_not_asked(tmp_path: Path) -> None:
    practices = open_practices(load(SenderSettings, settings(tmp_path)), system_clock, lambda: None)

    practices.probe()
    found = practices.registration(consultation().patient, REPORT_ID)
    practices.close()

    assert not isinstance(practices, PdsPractices)
    assert found == Registration("B82002")


def test_a_row_without_a_practice_cannot_be_trusted() -> None:
    nowhere = consultation().patient.model_copy(update={"registered_practice_ods_code": None})

    with pytest.raises(InvalidConsultation, match=r"patient.registered_practice_ods_code: is required"):
        OutboxPractices().registration(nowhere, REPORT_ID)
