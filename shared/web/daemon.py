"""What a daemon must have so that it can have web pages."""

from __future__ import annotations

from typing import Protocol

from shared.cli import App
from shared.web.tables import Accounts


class WebApp(App, Protocol):
    """A wired daemon that has web pages."""

    @property
    def accounts(self) -> Accounts:
        """Who may use the pages."""
