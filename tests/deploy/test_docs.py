"""The pages that are written from the code are as the code is."""

from __future__ import annotations

from deploy.docs import logs
from federated_sender.events import EVENTS as SENDER
from registered_receiver.events import EVENTS as RECEIVER


def test_the_page_of_log_lines_is_as_the_catalogues_are() -> None:
    written = logs.PAGE.read_text(encoding="utf-8")

    assert written == logs.page(), "docs/logs.md is stale: run `make docs`"


def test_the_page_of_log_lines_names_every_event() -> None:
    page = logs.page()

    assert [event.name for event in (*SENDER, *RECEIVER) if f"| `{event.name}` |" not in page] == []


def test_no_two_events_of_a_daemon_have_one_name() -> None:
    for catalogue in (SENDER, RECEIVER):
        names = [event.name for event in catalogue]

        assert len(names) == len(set(names))


def test_no_field_of_an_event_has_a_name_that_every_line_uses_itself() -> None:
    reserved = {"event", "level", "timestamp", "daemon", "dropped_fields"}

    clashes = {event.name: reserved & set(event.fields) for event in (*SENDER, *RECEIVER)}

    assert {name: fields for name, fields in clashes.items() if fields} == {}
