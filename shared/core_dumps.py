"""Keeps what is in memory, secrets and patients, out of core dumps and away from the user's other processes."""

from __future__ import annotations

import ctypes
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def forbid() -> None:
    """Let this process leave no core dump, whatever takes them: prctl(2), and the limit for children.

    The limit alone is not asked where dumps are piped to a program. Nothing else of this user can look into the
    process any more, either; root can. It holds until another program is executed.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
