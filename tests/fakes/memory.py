"""How much memory something takes."""

from __future__ import annotations

import tracemalloc
from typing import Self


class Peak:
    """The most memory that Python allocated within the ``with`` at one time, in bytes, as ``size``."""

    size: int = 0

    def __enter__(self) -> Self:
        tracemalloc.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
