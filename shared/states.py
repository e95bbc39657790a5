"""State machines as one table: what a state becomes at an event, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from shared.errors import UnexpectedEvent

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


def next_state(transitions: Mapping[S, Mapping[E, S]], state: S, event: E) -> S:
    """Return the state that follows; raise UnexpectedEvent when the table has no such transition."""
    try:
        return transitions[state][event]
    except KeyError:
        raise UnexpectedEvent(state, event) from None
