"""Log lines: a closed list of events and fields."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared import log
from shared.errors import CommandFailed
from shared.log import Event, catalogue_markdown, configure, describe, emit

SENT = Event("report.sent", "info", ("report_id", "version"), "MESH took the report.")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_line_is_json_with_its_event_level_time_and_daemon() -> None:
    stream = io.StringIO()
    configure("info", "json", "example", stream)

    emit(SENT, report_id="r1", version=None)

    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "report.sent", "level": "info", "daemon": "example", "report_id": "r1"}


def test_a_field_that_the_event_does_not_name_cannot_pass() -> None:
    stream = io.StringIO()
    configure("info", "json", "example", stream)

    emit(SENT, report_id="r1", surname="Smith")

    assert json.loads(stream.getvalue())["dropped_fields"] == ["surname"]
    assert "Smith" not in stream.getvalue()


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure("warning", "json", "example", stream)

    emit(SENT, report_id="r1")

    assert stream.getvalue() == ""


def test_the_console_form_is_for_people() -> None:
    stream = io.StringIO()
    configure("info", "console", "example", stream)

    emit(SENT, report_id="r1")

    assert "report.sent" in stream.getvalue()
    assert "report_id=r1" in stream.getvalue()


@pytest.mark.parametrize("library", ["httpx", "httpcore.http11", "sqlalchemy.engine", "weasyprint", "alembic.runtime"])
def test_libraries_that_would_log_addresses_or_content_stay_silent(
    library: str, capfd: pytest.CaptureFixture[str]
) -> None:
    configure("debug", "json", "example")

    logging.getLogger(library).error("GPPROVIDER_9690937278_19570109_Smith")

    assert capfd.readouterr().err == ""


def test_our_own_errors_speak_for_themselves_and_others_are_named_by_class_and_place() -> None:
    def fail() -> None:
        raise KeyError("Smith")

    with pytest.raises(KeyError) as caught:
        fail()

    assert describe(CommandFailed("there is no alert 7")) == "there is no alert 7"
    assert describe(caught.value).startswith("KeyError at test_log.py:")
    assert describe(ValueError("Smith")) == "ValueError at ?"


def test_the_catalogue_becomes_a_table_of_the_documentation() -> None:
    text = catalogue_markdown("Example", (SENT,))

    assert "| `report.sent` | info | `report_id`, `version` | MESH took the report. | Nothing. |" in text


def test_the_silenced_libraries_include_every_one_that_sees_patient_data() -> None:
    assert {"httpx", "httpcore", "weasyprint", "sqlalchemy"} <= set(log._TALKATIVE)
