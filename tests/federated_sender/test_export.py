"""A report given out as files: what was sent, and what the clinical system wrote."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import text, update

from federated_sender.enqueue import enqueue
from federated_sender.export import export_report
from federated_sender.tables import ReportBody
from shared.errors import CommandFailed
from shared.itk3.parse import read
from shared.itk3.rules import read_report
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.rows import attach, write

ECG = b"%PDF-1.7 ecg"
PHOTOGRAPH = b"\xff\xd8\xff\xe0 photograph"


def export(sender: SenderBench, directory: Path, identifier: str = CONSULTATION) -> dict[str, bytes]:
    with sender.database.snapshot() as session:
        files = export_report(session, identifier, directory, sender.now())
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def sent(sender: SenderBench) -> SenderBench:
    (sender.directory / "ecg.pdf").write_bytes(ECG)
    (sender.directory / "mole.jpg").write_bytes(PHOTOGRAPH)
    documents = [
        {"title": "../../etc/passwd", "content_type": "application/pdf", "path": "ecg.pdf"},
        {"title": "Mole", "content_type": "image/jpeg", "path": "mole.jpg"},
    ]
    sender.enqueue(consultation(attachments=documents))
    sender.pass_time(hours=4)
    sender.once()
    return sender


def test_what_was_sent_is_given_out_byte_for_byte_under_names_of_ours(sent: SenderBench, tmp_path: Path) -> None:
    files = export(sent, tmp_path / "out")

    assert set(files) == {
        "message.xml", "01-report.pdf", "02-attachment.pdf", "03-attachment.jpg", "consultation.json", "report.json",
    }  # fmt: skip
    assert files["message.xml"] == sent.posts()[0].body
    envelope = read(files["message.xml"], 20_000_000).envelope
    assert envelope is not None
    assert files["01-report.pdf"] == read_report(envelope).documents[0].data
    assert (files["02-attachment.pdf"], files["03-attachment.jpg"]) == (ECG, PHOTOGRAPH)


def test_the_consultation_is_given_out_as_enqueue_was_given_it(sender: SenderBench, tmp_path: Path) -> None:
    odd = json.dumps(consultation(), indent=3).replace('"Smith"', '"Sm\\u0069th"').replace("\n", "\r\n")
    second = json.dumps(consultation(consultation_id="11111111-2222-4333-8444-555555555555"))
    file = sender.directory / "two.json"
    file.write_bytes(f"\ufeff [ {odd} ,\n {second}]".encode())
    enqueue([file], sender.intake, by="tester")

    files = export(sender, tmp_path / "out")

    assert files["consultation.json"] == odd.encode()
    assert set(files) == {"consultation.json", "report.json"}


def test_a_row_is_given_out_as_it_was_written(sender: SenderBench, tmp_path: Path) -> None:
    (sender.directory / "ecg.pdf").write_bytes(ECG)
    write(sender, consultation(), patient_nhs_number="969 093 7278", notes=" [ ] ")
    attach(sender, "ecg.pdf", hashlib.sha256(ECG).hexdigest().upper())
    sender.once()

    written = json.loads(export(sender, tmp_path / "out")["consultation.json"])

    assert (written["patient_nhs_number"], written["notes"]) == ("969 093 7278", " [ ] ")
    assert written["outbox_attachment"] == [
        {
            "position": 0,
            "title": "ECG",
            "content_type": "application/pdf",
            "path": "ecg.pdf",
            "sha256": hashlib.sha256(ECG).hexdigest().upper(),
        }
    ]


def test_an_invalid_row_is_given_out_as_it_was_written_too(sender: SenderBench, tmp_path: Path) -> None:
    write(sender, consultation(), patient_nhs_number="123")
    sender.once()

    files = export(sender, tmp_path / "out")

    assert json.loads(files["consultation.json"])["patient_nhs_number"] == "123"


def test_the_labels_of_the_documents_stand_in_the_record(sent: SenderBench, tmp_path: Path) -> None:
    record = json.loads(export(sent, tmp_path / "out")["report.json"])

    assert record["report_id"] == sent.only()["report_id"]
    assert [(each["file"], each["description"]) for each in record["documents"]] == [
        ("01-report.pdf", "Federated Consultation Report"),
        ("02-attachment.pdf", "../../etc/passwd"),
        ("03-attachment.jpg", "Mole"),
    ]


def test_nothing_is_written_over_and_then_nothing_is_written(sent: SenderBench, tmp_path: Path) -> None:
    directory = tmp_path / "out"
    directory.mkdir()
    (directory / "report.json").write_bytes(b"mine")

    with pytest.raises(CommandFailed, match=r"has report.json already; nothing was written"):
        export(sent, directory)

    assert [path.name for path in directory.iterdir()] == ["report.json"]
    assert (directory / "report.json").read_bytes() == b"mine"


def test_a_confidential_consultation_sent_its_report_alone_and_the_rest_is_kept_here(
    sender: SenderBench, tmp_path: Path
) -> None:
    (sender.directory / "ecg.pdf").write_bytes(ECG)
    documents = [{"title": "ECG", "content_type": "application/pdf", "path": "ecg.pdf"}]
    sender.enqueue(consultation(attachments=documents, confidential=True))
    sender.pass_time(hours=4)
    sender.once()

    files = export(sender, tmp_path / "out")

    assert set(files) == {"message.xml", "01-report.pdf", "consultation.json", "report.json"}


def test_a_report_from_before_sources_were_kept_is_given_out_without_one(sent: SenderBench, tmp_path: Path) -> None:
    with sent.database.transaction() as session:
        session.execute(text("DELETE FROM report_source"))

    files = export(sent, tmp_path / "out")

    assert "message.xml" in files
    assert "consultation.json" not in files


def test_a_message_that_cannot_be_read_any_more_is_said(sent: SenderBench, tmp_path: Path) -> None:
    with sent.database.transaction() as session:
        session.execute(update(ReportBody).values(message=b"<broken"))

    with pytest.raises(CommandFailed, match="cannot be read any more"):
        export(sent, tmp_path / "out")


def test_what_is_not_there_is_said(sender: SenderBench, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="there is no report"):
        export(sender, tmp_path / "out")
