"""Fixtures of the canary tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from federated_sender.pdf import PdfRenderer
from tests.fakes.printing import ThriftyRenderer


@pytest.fixture(scope="session")
def renderer() -> Iterator[PdfRenderer]:
    with ThriftyRenderer() as renderer:
        yield renderer
