from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import pytest

from registered_receiver.states import (
    INITIAL,
    MESSAGE_TRANSITIONS,
    TASK_TRANSITIONS,
    MessageEvent,
    MessageState,
    TaskEvent,
    TaskState,
)
from shared.errors import UnexpectedEvent
from shared.states import next_state

TABLES = [
    pytest.param(MESSAGE_TRANSITIONS, MessageState, set(INITIAL.values()), id="message"),
    # a version that arrives late is filed as superseded at once
    pytest.param(TASK_TRANSITIONS, TaskState, {TaskState.OPEN, TaskState.SUPERSEDED}, id="task"),
]
FINAL = {
    MessageState.REJECTED,
    MessageState.FILED,
    MessageState.UNMATCHED,
    MessageState.DUPLICATE,
    TaskState.SUPERSEDED,
}


def reachable(table: Mapping[Any, Mapping[Any, Any]], initial: Iterable[Any]) -> set[Any]:
    found: set[Any] = set()
    waiting = set(initial)
    while waiting:
        state = waiting.pop()
        found.add(state)
        waiting |= set(table[state].values()) - found
    return found


@pytest.mark.parametrize(("table", "states", "initial"), TABLES)
def test_every_state_is_in_the_table_and_reachable(
    table: Mapping[Any, Mapping[Any, Any]], states: type[StrEnum], initial: set[Any]
) -> None:
    assert set(table) == set(states)
    assert reachable(table, initial) == set(states)


@pytest.mark.parametrize(("table", "states", "initial"), TABLES)
def test_only_final_states_have_no_way_out(
    table: Mapping[Any, Mapping[Any, Any]], states: type[StrEnum], initial: set[Any]
) -> None:
    assert {state for state in states if not table[state]} == FINAL & set(states)


@pytest.mark.parametrize(
    ("table", "events", "initial"),
    [
        pytest.param(MESSAGE_TRANSITIONS, MessageEvent, set(INITIAL), id="message"),
        pytest.param(TASK_TRANSITIONS, TaskEvent, set(), id="task"),
    ],
)
def test_every_event_is_used(table: Mapping[Any, Mapping[Any, Any]], events: type[StrEnum], initial: set[Any]) -> None:
    used = {event for events_of_state in table.values() for event in events_of_state}

    assert used | initial == set(events)


def test_what_was_ignored_can_only_be_collected_after_all() -> None:
    assert set(MESSAGE_TRANSITIONS[MessageState.IGNORED]) < set(INITIAL)


@pytest.mark.requirement("GPCM-SD-066")
def test_a_message_that_was_not_accepted_can_never_be_filed() -> None:
    filing = {state for state, events in MESSAGE_TRANSITIONS.items() if MessageState.FILED in events.values()}
    accepted = MESSAGE_TRANSITIONS[MessageState.RECEIVED][MessageEvent.ACCEPTED]

    assert filing == {MessageState.VALID, MessageState.REVIEW}
    assert {MESSAGE_TRANSITIONS[accepted][MessageEvent.NEARLY_MATCHED], accepted} == filing


def test_an_event_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(UnexpectedEvent, match="matched cannot happen in state rejected"):
        next_state(MESSAGE_TRANSITIONS, MessageState.REJECTED, MessageEvent.MATCHED)
