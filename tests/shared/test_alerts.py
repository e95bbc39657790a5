"""What a person must look at: opened once, closed once, with a reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import federated_sender
from federated_sender.ledger import ALERTS
from federated_sender.tables import Alert
from shared.alerts import refusal_teller
from shared.db import Database
from shared.errors import CommandFailed
from tests.fakes.clock import MovableClock

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrations = Path(federated_sender.__file__).parent / "migrations"
    database = Database(database_url, schema="federated_sender", migrations=migrations)
    database.migrate()
    yield database
    database.close()


def open_one(database: Database, text: str, code: str | None = None) -> bool:
    with database.transaction() as session:
        return ALERTS.open(
            session, kind="undeliverable", subject_id="r", now=NOW, text=text, action=f"act on {text}", code=code
        )


def listed(database: Database) -> list[Alert]:
    with database.snapshot() as session:
        return ALERTS.listing(session)


def test_the_same_thing_opens_one_alert(database: Database) -> None:
    assert (open_one(database, "first"), open_one(database, "second")) == (True, False)
    assert [alert.text for alert in listed(database)] == ["first"]


def test_an_alert_without_a_code_takes_the_first_that_comes_and_keeps_it(database: Database) -> None:
    open_one(database, "first")
    open_one(database, "with a reason", code="14")
    open_one(database, "another", code="12")

    (alert,) = listed(database)

    assert (alert.code, alert.text, alert.action) == ("14", "with a reason", "act on with a reason")


def test_an_alert_is_closed_once_and_keeps_why(database: Database) -> None:
    open_one(database, "first")
    (alert,) = listed(database)
    with database.transaction() as session:
        ALERTS.close_by_id(session, alert.alert_id, now=NOW, by="tester", reason="telephoned")

    with pytest.raises(CommandFailed, match="closed already"), database.transaction() as session:
        ALERTS.close_by_id(session, alert.alert_id, now=NOW, by="tester", reason="again")

    (closed,) = listed(database)
    assert (closed.closed_by, closed.closed_reason) == ("tester", "telephoned")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_people_who_close_an_alert_at_the_same_time_one_is_told_that_it_is_closed(database: Database) -> None:
    open_one(database, "first")
    (alert,) = listed(database)
    refused: list[CommandFailed] = []
    seen = threading.Event()

    def second() -> None:
        try:
            with database.transaction() as session:
                session.get_one(Alert, alert.alert_id)
                seen.set()
                ALERTS.close_by_id(session, alert.alert_id, now=NOW, by="second", reason="mine")
        except CommandFailed as refusal:
            refused.append(refusal)

    other = threading.Thread(target=second)
    with database.transaction() as session:
        ALERTS.close_by_id(session, alert.alert_id, now=NOW, by="first", reason="telephoned")
        other.start()
        assert seen.wait(60)
    other.join()

    (closed,) = listed(database)
    assert ([str(each) for each in refused], closed.closed_by) == (
        [f"alert {alert.alert_id} is closed already"],
        "first",
    )


def test_an_alert_that_is_not_there_cannot_be_closed(database: Database) -> None:
    with pytest.raises(CommandFailed, match="there is no alert x"), database.transaction() as session:
        ALERTS.close_by_id(session, "x", now=NOW, by="tester", reason="-")


def test_after_it_was_closed_the_same_thing_opens_another(database: Database) -> None:
    open_one(database, "first")
    with database.transaction() as session:
        ALERTS.close(session, subject_id="r", kind=None, now=NOW, by="tester", reason="-")

    assert open_one(database, "second")


def test_a_refused_account_is_told_until_the_same_job_works_again(database: Database) -> None:
    tell = refusal_teller(database, ALERTS, MovableClock(), "ALDERMB1")
    tell("403 Forbidden", "send")
    tell("403 Forbidden", "send")
    tell(None, "collect")
    (opened,) = listed(database)

    tell(None, "send")

    assert (opened.kind, opened.closed_at, "403 Forbidden" in opened.text) == ("mesh_refused", None, True)
    assert opened.subject_id == "ALDERMB1/send"
    assert [alert.closed_reason for alert in listed(database)] == ["MESH answers again"]
