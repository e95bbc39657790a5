"""Fixtures of the canary tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from federated_sender.pdf import PdfRenderer


@pytest.fixture(scope="session")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer() as renderer:
        yield renderer
