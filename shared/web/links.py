"""A link to one of our pages."""

from __future__ import annotations

from dataclasses import dataclass

from shared.web.roles import Role


@dataclass(frozen=True, slots=True)
class Link:
    """What it is called, where it leads, and which role it is shown to."""

    text: str
    path: str
    role: Role = Role.VIEWER
