"""Synthetic messages for the tests of ITK3, and a way to change one that was built."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared.harness import draft
from shared.itk3.build import build_report
from shared.itk3.identity import report_id, response_id
from shared.itk3.model import (
    Address,
    Document,
    Organization,
    Patient,
    PersonName,
    Practitioner,
    ReportMessage,
    ResponseMessage,
)
from shared.itk3.parse import Reading, read
from shared.itk3.rule import Context
from shared.itk3.rules import Verdict, judge

CONFORMANCE = Path(__file__).resolve().parents[4] / "shared" / "conformance"
LIMIT = 20_000_000
AT = datetime(2026, 11, 20, 21, 25, tzinfo=UTC)
PDF = b"%PDF-1.7\nsynthetic"
PNG = b"\x89PNG\r\n\x1a\nsynthetic"

SENDER = Organization("B81001", "Starling Surgery", "01632 960002")
RECIPIENT = Organization("B82002", "Osprey Practice", "01632 960003")
PATIENT = Patient(
    nhs_number="9690937278",
    nhs_number_verified=True,
    name=PersonName("Smith", ("Richard", "John"), "Mr"),
    birth_date=date(1957, 1, 9),
    gender="male",
    telephones=("01632 960001",),
    address=Address(("1 High Street", "Carlisle"), "CA1 1AA"),
    current_telephones=("07700 900000",),
    current_address=Address(("2 Low Street",), "CA2 2BB"),
)
PRACTITIONER = Practitioner("033345750518", PersonName("Pritchard", ("Gary",), "Dr"), "01632 960004")
REPORT = Document("Federated Consultation Report", "application/pdf", PDF, AT)
ECG = Document("ECG", "image/png", PNG, datetime(2026, 11, 20, 18, 20, tzinfo=UTC))

MESSAGE = ReportMessage(
    report_id=report_id("B81001", "2f0b7f6e-61a5-4b0e-9b46-0d4a7a0b7a11", 1, "ab" * 32),
    consultation_id="2f0b7f6e-61a5-4b0e-9b46-0d4a7a0b7a11",
    version=1,
    confidential=False,
    generated_at=AT,
    sender_mailbox="X26ABC1",
    sender=SENDER,
    recipient=RECIPIENT,
    patient=PATIENT,
    practitioner=PRACTITIONER,
    documents=(REPORT, ECG),
)
RESPONSE = ResponseMessage(
    response_id=response_id("20261120212500123456_ABCDEF", "infrastructure"),
    code="20013",
    issue_type="informational",
    diagnostics="The message is valid",
    request_message_id="c40c0792-3227-5386-8d68-f5d8d73255d3",
    sender_reference="2f0b7f6e-61a5-4b0e-9b46-0d4a7a0b7a11",
    responder_ods_code="B82002",
    responder_mailbox="X26ABC2",
    generated_at=AT,
)
GOOD = build_report(MESSAGE)
CONTEXT = Context("B82002", "X26ABC1")


def with_documents(*documents: Document) -> ReportMessage:
    return replace(MESSAGE, documents=documents)


def judged(body: bytes, **context: Any) -> Verdict:
    return judge(read(body, LIMIT), replace(CONTEXT, **context))


def reading_of(message: ReportMessage = MESSAGE) -> Reading:
    return read(build_report(message), LIMIT)


class Draft(draft.Draft):
    """A built message that a test may spoil: the good one above, unless another is given."""

    def __init__(self, body: bytes | None = None) -> None:
        super().__init__(body if body is not None else GOOD)


def spoiled(spoil: Callable[[Draft], None]) -> bytes:
    draft = Draft()
    spoil(draft)
    return draft.body


def profile_problems(body: bytes) -> list[str]:
    """Return what the published profiles find wrong; skips the test when they are not there."""
    file = CONFORMANCE / "check_profiles.py"
    if not file.exists():
        pytest.skip("skipped: ../shared is not here")
    module = sys.modules.get("check_profiles") or _load(file)
    return list(module.check(body))


def _load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_profiles", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_profiles"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module
