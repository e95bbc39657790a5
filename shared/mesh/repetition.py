"""When a call that may be repeated is repeated, and after which pause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tenacity import RetryCallState, Retrying, wait_exponential_jitter

from shared.clock import Clock
from shared.errors import MeshAmbiguous, MeshUnavailable
from shared.mesh.answers import FORBIDDEN, Answer

LAST_BEGINNING: Final = 35.0
"""The seconds after which no attempt of a call begins any more, whatever MESH asks for by Retry-After."""

_ATTEMPTS: Final = 4
_BACK_OFF: Final = wait_exponential_jitter(multiplier=0.5, max=15.0, jitter=0.5)


@dataclass(frozen=True)
class Repetition:
    """Repeats a call up to four times. ``begun`` is when its time began to run, None when each pause counts alone."""

    clock: Clock
    sleep: Callable[[float], None]
    begun: datetime | None

    def retrying(self) -> Retrying:
        """Return what makes the attempts; the last one's answer or error is the call's."""
        return Retrying(
            retry=_is_worth_repeating,
            stop=self._is_enough,
            wait=_pause,
            sleep=self.sleep,
            retry_error_callback=_last_outcome,
        )

    def _is_enough(self, state: RetryCallState) -> bool:
        """Say whether the next attempt of a call is one too many or would begin too late."""
        spent = (self.clock() - self.begun).total_seconds() if self.begun is not None else 0.0
        return state.attempt_number >= _ATTEMPTS or spent + state.upcoming_sleep > LAST_BEGINNING


def _is_worth_repeating(state: RetryCallState) -> bool:
    if state.outcome is None or state.outcome.failed:
        return state.outcome is not None and isinstance(state.outcome.exception(), (MeshUnavailable, MeshAmbiguous))
    answer: Answer = state.outcome.result()
    # A refused token is tried once more: a clock that was just set, or a proxy that sent the last one twice.
    return answer.is_passing or (answer.status in FORBIDDEN and state.attempt_number == 1)


def _pause(state: RetryCallState) -> float:
    wish = 0.0 if state.outcome is None or state.outcome.failed else state.outcome.result().retry_after
    return max(_BACK_OFF(state), wish)


def _last_outcome(state: RetryCallState) -> Answer | None:
    return state.outcome.result() if state.outcome else None
