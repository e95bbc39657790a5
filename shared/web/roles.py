"""What a user of the web pages may do: each role may do all that the one before it may."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role, the least first."""

    VIEWER = "viewer"
    """Sees what there is and how it stands; opens no document and changes nothing."""
    CLERK = "clerk"
    """Opens documents, deals with tasks, near misses and alerts."""
    ADMIN = "admin"
    """Sees the audit and the users, and unlocks them."""

    def includes(self, other: Role) -> bool:
        """Say whether whoever has this role may do what ``other`` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)
