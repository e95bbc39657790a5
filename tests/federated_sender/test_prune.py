"""What was kept for RETENTION goes; what must be known for ever stays."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import isodate
import pytest
from sqlalchemy import func, select, text

from federated_sender import ledger, resending, routing
from federated_sender.export import export_report
from federated_sender.outbox_tables import Blob, OutboxRow
from federated_sender.prune import Prune
from federated_sender.tables import InboxMessage, Report, ReportBody, ReportSource, Timeline
from shared.errors import CommandFailed
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.rows import write

YEAR = isodate.Duration(years=1)


def prune(sender: SenderBench) -> int:
    return Prune(sender.database, sender.mesh.clock, YEAR).step()


def count(sender: SenderBench, table: type[Any]) -> int:
    with sender.database.snapshot() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def send(sender: SenderBench, **changes: Any) -> None:
    sender.enqueue(consultation(**changes))
    sender.pass_time(hours=4)
    sender.once()


def deliver(sender: SenderBench, **changes: Any) -> None:
    send(sender, **changes)
    for code in ("20013", "30001"):
        sender.respond(code)
        sender.once()


def everything(sender: SenderBench) -> str:
    """Return all that the database holds, but for what a person wrote."""
    with sender.database.snapshot() as session:
        tables = (
            "report",
            "report_body",
            "report_source",
            "inbox",
            "timeline",
            "alert",
            "outbox",
            "blob",
            "submission",
        )
        return "".join(str(session.execute(text(f"SELECT * FROM {table}")).all()) for table in tables)


def test_a_delivered_report_keeps_its_record_and_loses_what_it_said(sender: SenderBench, logged: io.StringIO) -> None:
    deliver(sender, attachments=[{"title": "ECG", "content_type": "application/pdf", "data": "JVBERi0xLjc="}])
    before, lines = sender.only(), sender.timeline(CONSULTATION)
    sender.pass_time(days=365)

    done = prune(sender)

    assert done == 1 + 2 + 1  # the report, its two responses, its attachment
    assert (sender.only(), sender.timeline(CONSULTATION)) == (before, lines)
    assert sender.shown(CONSULTATION)["pruned_at"] is not None
    assert [count(sender, table) for table in (ReportBody, ReportSource, Blob, OutboxRow)] == [0, 0, 0, 0]
    left = everything(sender)
    assert not any(fact in left for fact in ("Smith", "9690937278", "Sore throat", "1 High Street"))
    (line,) = [json.loads(line) for line in logged.getvalue().splitlines() if "bodies.pruned" in line]
    assert (line["reports"], line["responses"], line["documents"]) == (1, 2, 1)


def test_a_calendar_year_is_a_calendar_year(sender: SenderBench) -> None:
    deliver(sender)
    sender.pass_time(days=364, hours=23)

    early = prune(sender)
    sender.pass_time(hours=1)

    assert (early, prune(sender) > 0) == (0, True)


def test_the_time_counts_from_the_end_and_not_from_the_beginning(sender: SenderBench) -> None:
    send(sender)
    sender.pass_time(days=300)
    for code in ("20013", "30001"):
        sender.respond(code)
        sender.once()
    sender.pass_time(days=200)

    assert prune(sender) == 0


@pytest.mark.parametrize("unfinished", ["waiting", "invalid", "sent", "accepted"])
def test_what_is_not_finished_is_kept(sender: SenderBench, unfinished: str) -> None:
    if unfinished == "invalid":
        write(sender, consultation(), patient_family=None)
        sender.once()
    elif unfinished == "waiting":
        sender.enqueue(consultation())
    else:
        send(sender)
    if unfinished == "accepted":
        sender.respond("20013")
        sender.once()
    sender.pass_time(days=3000)

    assert (prune(sender), sender.only()["state"]) == (0, unfinished)


def test_what_somebody_must_look_at_is_kept_until_they_did(sender: SenderBench) -> None:
    send(sender)
    sender.respond("30002")
    sender.once()
    sender.pass_time(days=400)
    with_alert = prune(sender)
    with sender.database.transaction() as session:
        for alert in sender.alerts():
            ledger.ALERTS.close_by_id(session, alert["alert_id"], now=sender.now(), by="jane", reason="telephoned")

    assert (with_alert, prune(sender)) == (0, 2)


def test_a_version_that_nobody_answered_goes_once_a_later_one_was_delivered_long_ago(sender: SenderBench) -> None:
    send(sender)
    deliver(sender, updated_at="2026-11-20T21:30:00+00:00", notes=[])
    sender.pass_time(days=366)

    prune(sender)

    with sender.database.snapshot() as session:
        assert session.scalars(select(Report.pruned_at.is_not(None))).all() == [True, True]


def test_a_duplicate_is_still_recognised_and_an_update_is_still_the_next_version(sender: SenderBench) -> None:
    deliver(sender)
    sender.pass_time(days=400)
    prune(sender)

    sender.enqueue(consultation())
    sender.once()
    same = len(sender.posts())
    sender.enqueue(consultation(updated_at=(sender.now() - timedelta(hours=4)).isoformat(), notes=[]))
    sender.once()

    assert (same, len(sender.posts()), sender.status()[0]["version"]) == (1, 2, 2)


def test_what_was_pruned_is_said(sender: SenderBench, tmp_path: Path) -> None:
    send(sender)
    sender.respond("30002")
    sender.once()
    with sender.database.transaction() as session:
        for alert in sender.alerts():
            ledger.ALERTS.close_by_id(session, alert["alert_id"], now=sender.now(), by="jane", reason="telephoned")
    sender.pass_time(days=400)
    prune(sender)

    with sender.database.transaction() as session:
        with pytest.raises(CommandFailed, match="only the record is left"):
            export_report(session, CONSULTATION, tmp_path / "out", sender.now())
        with pytest.raises(CommandFailed, match=r"the bytes of .* were pruned"):
            resending.resend(session, CONSULTATION, "why not", sender.now(), "jane", again=False)


def test_a_document_that_another_report_refers_to_stays(sender: SenderBench) -> None:
    document = [{"title": "ECG", "content_type": "application/pdf", "data": "JVBERi0xLjc="}]
    deliver(sender, attachments=document)
    sender.pass_time(days=400)
    sender.enqueue(consultation(consultation_id=str(UUID(int=7)), attachments=document))

    prune(sender)

    assert count(sender, Blob) == 1


def test_a_document_that_an_update_replaced_goes(sender: SenderBench) -> None:
    sender.enqueue(
        consultation(attachments=[{"title": "ECG", "content_type": "application/pdf", "data": "JVBERi0xLjc="}])
    )
    sender.enqueue(consultation(updated_at="2026-11-20T17:50:00+00:00"))

    assert (prune(sender), count(sender, Blob)) == (1, 0)


def test_a_row_of_the_clinical_system_is_left_to_it(sender: SenderBench) -> None:
    write(sender, consultation())
    sender.pass_time(hours=4)
    sender.once()
    for code in ("20013", "30001"):
        sender.respond(code)
        sender.once()
    sender.pass_time(days=400)

    prune(sender)

    assert (count(sender, OutboxRow), count(sender, ReportBody)) == (1, 0)


def test_a_response_that_answers_nothing_goes_too(sender: SenderBench) -> None:
    sender.mesh.put("ALDERMB1", b"<html/>", sender="BIRCHMB1", workflow_id="GPFED_CONSULT_REPORT_ACK")
    sender.once()
    sender.pass_time(days=400)
    with_alert = prune(sender)
    with sender.database.transaction() as session:
        for alert in sender.alerts():
            ledger.ALERTS.close_by_id(session, alert["alert_id"], now=sender.now(), by="jane", reason="known")

    assert (with_alert, prune(sender)) == (0, 1)
    with sender.database.snapshot() as session:
        assert session.scalars(select(InboxMessage.body)).all() == [b""]


def test_a_round_takes_a_small_batch_and_the_next_the_rest(sender: SenderBench) -> None:
    regular = [
        consultation(consultation_id=str(UUID(int=number + 1)), patient__registration_type="regular")
        for number in range(60)
    ]
    sender.enqueue(*regular)
    sender.pass_time(hours=4)
    sender.once()
    sender.pass_time(days=400)

    rounds = [prune(sender), prune(sender), prune(sender)]

    assert rounds == [50, 10, 0]
    assert count(sender, Timeline) == 60 * 3


def test_a_consultation_that_comes_back_after_it_was_pruned_is_kept_and_pruned_anew(sender: SenderBench) -> None:
    sender.enqueue(consultation(patient__registration_type="regular"))
    sender.pass_time(hours=4)
    sender.once()
    sender.pass_time(days=365)
    prune(sender)
    before = sender.shown(CONSULTATION)["pruned_at"]

    deliver(sender, updated_at=sender.now().isoformat())
    between = sender.shown(CONSULTATION)["pruned_at"]
    sender.pass_time(days=366)
    prune(sender)

    assert before is not None
    assert (between, sender.only()["state"]) == (None, "delivered")
    assert "Sore throat" not in everything(sender)


def test_a_retention_that_reaches_back_before_there_were_dates_keeps_everything(sender: SenderBench) -> None:
    deliver(sender)

    assert Prune(sender.database, sender.mesh.clock, isodate.Duration(years=3000)).step() == 0


def test_a_practice_that_is_named_after_the_report_was_pruned_still_gets_it(sender: SenderBench) -> None:
    write(sender, consultation(patient__registered_practice_ods_code="C83003"))
    sender.pass_time(hours=4)
    sender.once()
    sender.pass_time(days=366)
    prune(sender)
    before = sender.only()["state"]

    with sender.database.transaction() as session:
        routing.route(session, CONSULTATION, "B82002", "The patient says so", sender.now(), "jane")
    sender.once()
    sender.once()

    assert (before, sender.only()["state"]) == ("not_required", "sent")
