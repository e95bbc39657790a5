"""What all tables of the receiver are derived from; ``tables`` knows every one of them."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """All tables of the receiver."""
