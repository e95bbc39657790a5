"""Large messages leave nothing behind in the process."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

from shared import large_blocks

# one thread after the other holds large blocks; what is resident afterwards is what was before
KEEPS = """
import threading
from pathlib import Path
from shared import large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def work():
    blocks = [bytes(5_000_000) for _ in range(4)]
    [block.replace(b"\\\\0", b"1") for block in blocks]

large_blocks.give_back()
before = resident()
for _ in range(8):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
print(resident() - before)
"""


def test_a_large_block_goes_back_to_the_machine_when_it_is_freed() -> None:
    done = subprocess.run([sys.executable, "-c", KEEPS], capture_output=True, text=True, check=True)

    assert int(done.stdout) < 5_000_000


class Knot:
    """Refers to itself, as what a parser leaves does: counting references never frees it."""

    def __init__(self) -> None:
        self.itself = self


def knotted(size: int) -> bool:
    """Say whether a knot is still there when ``size`` bytes were dealt with."""
    gc.disable()
    try:
        watched = weakref.ref(Knot())
        large_blocks.sweep(size)
        return watched() is not None
    finally:
        gc.enable()


def test_what_a_large_message_left_is_swept_up_at_once_and_what_a_small_one_left_waits() -> None:
    assert (knotted(5_000_000), knotted(100_000)) == (False, True)
