"""Fixtures of the tests of the MESH client's folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared.mesh_folder.bench import Mailbox, make_mailbox


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    """Give the sender's mailbox, with the client's stand-in at its other end."""
    return make_mailbox(tmp_path)
