"""Synthetic messages with a Composition, as GP Connect Send Document has it."""

from __future__ import annotations

from dataclasses import replace

from shared.itk3.build import build_report
from shared.itk3.identity import payload_identifier, report_id
from shared.itk3.model import ReceivedReport, ReportMessage
from shared.itk3.parse import parse
from shared.itk3.payload import Payload
from shared.itk3.payloads import DOCUMENT_1_3_PAYLOAD, DOCUMENT_PAYLOAD
from shared.itk3.rules import read_report
from tests.shared.itk3.examples import LIMIT, MESSAGE, Draft

EDITIONS = (DOCUMENT_PAYLOAD, DOCUMENT_1_3_PAYLOAD)
DOCUMENT = build_report(MESSAGE, DOCUMENT_PAYLOAD)
REPLACEMENT = replace(
    MESSAGE,
    report_id=report_id("B81001", MESSAGE.consultation_id, 2, "cd" * 32),
    version=2,
    replaces=payload_identifier(MESSAGE.report_id),
)
CONFIDENTIAL = replace(MESSAGE, confidential=True, documents=MESSAGE.documents[:1])


def draft(message: ReportMessage = MESSAGE, payload: Payload = DOCUMENT_PAYLOAD) -> Draft:
    return Draft(build_report(message, payload))


def received(message: ReportMessage = MESSAGE, payload: Payload = DOCUMENT_PAYLOAD) -> ReceivedReport:
    return read_report(parse(build_report(message, payload), LIMIT))
