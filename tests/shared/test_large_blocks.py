"""Large messages leave nothing behind in the process."""

from __future__ import annotations

import subprocess
import sys

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
