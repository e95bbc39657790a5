"""What is missing for too long, and what an alert says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from federated_sender.alert_text import alert_text
from federated_sender.overdue import Level, alert_for, overdue
from federated_sender.responses import (
    AlertNeed,
    Standing,
    on_mesh_report,
    on_refusal,
    on_response,
    on_tracking,
    settles,
)
from federated_sender.states import State
from federated_sender.tracking import Tracked, read_status, sentence, tracked

SENT = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Report:
    report_id: str = "0f5b2c6e-0000-4000-8000-000000000001"
    version: int | None = 2
    recipient_ods_code: str | None = "B82002"
    state: State = State.SENT
    sent_at: datetime | None = SENT
    infrastructure_code: str | None = None
    infrastructure_due_at: datetime | None = SENT + DAY
    business_code: str | None = None
    business_due_at: datetime | None = SENT + 7 * DAY
    tracking_status: str | None = None
    tracked_at: datetime | None = None


def looked_up(status: Tracked) -> Report:
    return Report(tracking_status=status, tracked_at=SENT + timedelta(hours=1))


@pytest.mark.requirement("GPCM-SD-095")
def test_each_response_has_its_own_clock() -> None:
    report = Report()

    assert overdue(report, SENT + DAY - timedelta(seconds=1)) == []
    assert overdue(report, SENT + DAY) == ["infrastructure"]
    assert overdue(report, SENT + 7 * DAY) == ["infrastructure", "business"]


def test_nobody_waits_for_a_report_that_is_settled() -> None:
    assert overdue(Report(state=State.FAILED), SENT + 9 * DAY) == []
    assert overdue(Report(infrastructure_due_at=None, business_due_at=None), SENT + 9 * DAY) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("accepted", Tracked.NOT_COLLECTED),
        ("uploading", Tracked.NOT_COLLECTED),
        ("Acknowledged", Tracked.COLLECTED),
        ("undeliverable", Tracked.UNDELIVERABLE),
        ("error", Tracked.UNDELIVERABLE),
        ("nonsense", Tracked.UNCLEAR),
    ],
)
def test_what_mesh_tracks_is_told_apart(status: str, expected: Tracked) -> None:
    assert read_status(status) is expected


def test_what_was_known_before_a_report_was_sent_again_does_not_count() -> None:
    report = Report(tracking_status=Tracked.UNDELIVERABLE, tracked_at=SENT - DAY)

    assert (tracked(report), sentence(report)) == (None, None)


@pytest.mark.parametrize(
    ("status", "known", "action"),
    [
        (Tracked.NOT_COLLECTED, "has never collected it", "why its mailbox is not collected"),
        (Tracked.COLLECTED, "collected it and has not answered", "why its system does not answer"),
        (Tracked.UNDELIVERABLE, "could not be delivered", "ask the MESH service desk"),
        (Tracked.UNKNOWN_TO_MESH, "nothing is known of it", "`resend`"),
        (Tracked.UNCLEAR, "nothing certain is known", "whether it has the report"),
    ],
)
def test_an_overdue_alert_says_what_mesh_knows_and_what_to_do_about_that(
    status: Tracked, known: str, action: str
) -> None:
    report = looked_up(status)

    need = alert_for("infrastructure", report)

    assert known in alert_text(report, need)
    assert action in need.action
    assert "Who usually acts" in need.action


@pytest.mark.parametrize("level", ["infrastructure", "business"])
def test_an_overdue_alert_says_when_nothing_is_known(level: Level) -> None:
    need = alert_for(level, Report())

    assert "tracking was not asked, or gave no answer" in need.text
    assert need.kind == f"{level}_overdue"


def test_an_overdue_business_response_is_told_with_the_one_that_came() -> None:
    report = looked_up(Tracked.NOT_COLLECTED)
    report.infrastructure_code = "20013"

    text = alert_text(report, alert_for("business", report))

    assert "The other response came: 20013." in text
    assert "tracking" not in text


def test_an_alert_names_the_report_its_version_its_recipient_and_when_it_went() -> None:
    text = alert_text(Report(), AlertNeed("x", "Something happened.", ""))

    assert text == (
        "Report 0f5b2c6e-0000-4000-8000-000000000001, version 2, to practice B82002, sent 2026-11-20 22:00 UTC."
        " Something happened."
    )


def test_an_alert_about_a_report_that_was_never_built_says_so() -> None:
    report = Report(version=None, recipient_ods_code=None, sent_at=None)

    assert alert_text(report, AlertNeed("x", "It waits.", "")) == f"Report {report.report_id}, not sent. It waits."


@pytest.mark.parametrize("code", ["EPL-152", "14", "99"])
def test_an_undeliverable_report_is_told_with_the_meaning_of_the_code(code: str) -> None:
    need = on_mesh_report(Standing(State.SENT, None, None), code).alert

    assert need is not None
    assert f"{code}: " in need.text
    assert "Who usually acts" in need.action


@pytest.mark.parametrize(
    ("code", "http_status", "reason", "words"),
    [
        ("17", 417, "17", "not registered for this workflow"),
        (None, 413, "HTTP 413", "too large for MESH"),
        ("Invalid checksum", 400, "Invalid checksum", "HTTP 400: "),
        ("odd", None, "odd", "does not know"),
        (None, None, "unsendable", "no header of MESH can carry"),
    ],
)
def test_a_refusal_is_told_in_plain_words(code: str | None, http_status: int | None, reason: str, words: str) -> None:
    ruling = on_refusal(code, http_status)

    assert ruling.reason == reason
    assert ruling.alert is not None
    assert words in ruling.alert.text


def test_only_what_cannot_wait_is_told_when_tracking_finds_it() -> None:
    told = {found: need.kind for found in Tracked if (need := on_tracking(found))}

    assert told == {Tracked.UNDELIVERABLE: "undeliverable", Tracked.UNKNOWN_TO_MESH: "unknown_to_mesh"}


def test_an_answer_of_any_kind_settles_that_it_was_missing() -> None:
    standing = Standing(State.SENT, None, None)

    settled = dict(settles(standing, on_response(standing, "10008")))

    assert settled["infrastructure_overdue"].startswith("the ")
    assert settled["business_overdue"] == "the report failed: 10008"
    assert "negative_response" not in settled


def test_a_failure_that_was_none_is_settled_as_corrected() -> None:
    standing = Standing(State.FAILED, "20013", "30002")

    settled = dict(settles(standing, on_response(standing, "30001")))

    assert settled["negative_response"] == "corrected: both positive responses came"


def test_a_late_first_answer_does_not_settle_what_mesh_reported() -> None:
    standing = Standing(State.FAILED, None, None)

    assert "undeliverable" not in dict(settles(standing, on_response(standing, "20013")))
