from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from federated_sender.message import Composer, Version
from shared.itk3.identity import report_id
from shared.itk3.model import Organization
from shared.itk3.parse import read
from shared.itk3.rules import read_report
from tests.federated_sender.reports import consultation

AT = datetime(2026, 11, 20, 21, 25, tzinfo=UTC)
PDF = b"%PDF-1.7 report"
LIMIT = 20_000_000
COMPOSER = Composer(Organization("A81001", "Alder Practice", "01632 960003"), "ALDERMB1", "YYYYMMDD", LIMIT)
BIRCH = Organization("B82002", "Birch Surgery", "01632 960004")
ODD = "Letter <draft> & \"copy\" \u2013 'caf\u00e9' \u4e2d\u6587 \U0001f600 \u05db\u05d0\u05d1 \u0301"
ATTACHMENTS = [
    (ODD, "text/plain", b"second\r\nline\n"),
    ("ECG", "application/pdf", b"%PDF-1.7 ecg"),
    ("../../etc/passwd", "image/png", b"\x89PNG\r\n\x1a\n\x00\xff"),
    ("ECG", "text/xml", b"<?xml version='1.0'?><a>&amp;</a>"),
    ("x" * 300, "application/pdf", b"%PDF-1.7 " + bytes(range(256)) * 40),
]


@pytest.mark.requirement("GPCM-SD-012", "GPCM-SD-013", "GPCM-SD-088")
def test_attachments_keep_their_names_types_bytes_and_order() -> None:
    subject = consultation(
        attachments=[
            {"title": title, "content_type": kind, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for title, kind, data in ATTACHMENTS
        ]
    )
    identity = report_id("A81001", str(subject.consultation_id), 1, "ab" * 32)

    built = COMPOSER.compose(
        subject,
        Version(identity, 1, AT, BIRCH),
        PDF,
        {hashlib.sha256(data).hexdigest(): data for _, _, data in ATTACHMENTS},
    )

    envelope = read(built.body, LIMIT).envelope
    assert envelope is not None
    assert [(each.description, each.content_type, each.data) for each in read_report(envelope).documents] == [
        ("Federated Consultation Report", "application/pdf", PDF),
        *ATTACHMENTS,
    ]


@pytest.mark.requirement("GPCM-SD-026")
def test_an_attachment_that_bears_the_label_of_the_report_is_told_apart() -> None:
    data = b"%PDF-1.7 another"
    digest = hashlib.sha256(data).hexdigest()
    title = "federated consultation REPORT"
    subject = consultation(
        attachments=[{"title": title, "content_type": "application/pdf", "sha256": digest, "size": len(data)}]
    )
    identity = report_id("A81001", str(subject.consultation_id), 1, "ab" * 32)

    built = COMPOSER.compose(subject, Version(identity, 1, AT, BIRCH), PDF, {digest: data})

    envelope = read(built.body, LIMIT).envelope
    assert envelope is not None
    assert [each.description for each in read_report(envelope).documents] == [
        "Federated Consultation Report",
        f"{title} (attachment)",
    ]
