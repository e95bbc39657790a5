"""Gives the memory of large messages back to the machine as soon as they are done with."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

# of mallopt(3)
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE: Final = 256 * 1024
_ARENAS: Final = 2
_MUCH: Final = 1_000_000


def give_back() -> None:
    """Let each large block be a mapping of its own, which ends when it is freed.

    Otherwise the C library learns from the first one to keep such blocks, one set for each thread, for the next: a
    daemon then stays as large as all its largest messages together. Does nothing where the C library has no such wish.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_ARENA_MAX, _ARENAS)


def sweep(size: int) -> None:
    """Look for garbage now if ``size``, the bytes of what was just dealt with, is large.

    Python's collector counts objects, not bytes: a few that refer to each other may keep a large message for long.
    """
    if size >= _MUCH:
        gc.collect()
