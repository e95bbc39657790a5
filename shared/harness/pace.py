"""The pace of a harness: a round, a pause, and an end by signal; no threads, no scheduler."""

from __future__ import annotations

import signal
from typing import Final

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


def is_ending() -> bool:
    """Say whether a signal to end has come; inside ``stopping_signals_blocked``, where it only waits."""
    return bool(signal.sigpending() & _ENDING)


def pause(seconds: float) -> bool:
    """Wait, at most until a signal to end comes; say whether to go on. Inside ``stopping_signals_blocked``."""
    return signal.sigtimedwait(_ENDING, max(seconds, 0.0)) is None
