"""The sender's pages over a whole sender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from federated_sender.web.site import site
from shared.config import load
from tests.federated_sender.bench import SenderBench
from tests.federated_sender.command_line import settings
from tests.shared.web.browsing import Browser, browser

SignIn = Callable[[str], Browser]


@pytest.fixture
def sign_in(sender: SenderBench, database_url: str, tmp_path: Path) -> Iterator[SignIn]:
    """Give what signs a user of a role in to the pages; the sender's clock says when sessions end."""
    app = Sender(load(SenderSettings, settings(tmp_path) | {"DATABASE_URL": database_url}, None), clock=sender.now)
    pages = site(app)
    with ExitStack() as stack:
        stack.callback(app.close)
        yield lambda role: stack.enter_context(browser(pages, role))
