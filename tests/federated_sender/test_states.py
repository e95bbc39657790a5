"""Properties of the whole table of states."""

from __future__ import annotations

import pytest

from federated_sender.states import AWAITING, FINAL, TRANSITIONS, Event, State
from shared.errors import UnexpectedEvent
from shared.states import next_state


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_state_can_be_reached_from_a_first_one() -> None:
    reached = {State.WAITING, State.INVALID}
    while True:
        further = {target for state in reached for target in TRANSITIONS[state].values()} | reached
        if further == reached:
            break
        reached = further

    assert reached == set(State)


def test_every_event_is_used() -> None:
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


def test_delivered_is_left_by_nothing() -> None:
    assert set(TRANSITIONS[State.DELIVERED].values()) == {State.DELIVERED}


def test_a_sent_report_never_becomes_unsent_unless_a_person_sends_it_again() -> None:
    unsent = {State.WAITING, State.QUEUED, State.INVALID, State.NOT_REQUIRED}

    for state in {State.DELIVERED, State.FAILED, *AWAITING}:
        events = {event for event, target in TRANSITIONS[state].items() if target in unsent}
        assert events <= {Event.RESENT}


@pytest.mark.parametrize("state", State)
def test_only_what_is_sent_accepted_or_failed_can_be_sent_again(state: State) -> None:
    assert (Event.RESENT in TRANSITIONS[state]) is (state in {State.SENT, State.ACCEPTED, State.FAILED})


@pytest.mark.parametrize("state", State)
def test_a_deletion_means_something_in_every_state(state: State) -> None:
    withdrawn = TRANSITIONS[state].get(Event.WITHDRAWN)
    deleted = TRANSITIONS[state].get(Event.DELETED)

    assert withdrawn in {None, State.NOT_REQUIRED}
    assert deleted in {None, state}
    assert withdrawn or deleted


def test_final_states_await_no_response() -> None:
    assert not FINAL & AWAITING


def test_what_the_table_does_not_allow_is_an_error_that_names_both() -> None:
    with pytest.raises(UnexpectedEvent, match="taken cannot happen in state delivered"):
        next_state(TRANSITIONS, State.DELIVERED, Event.TAKEN)
