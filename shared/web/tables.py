"""Columns of the tables for the users of the web pages, their sessions, and who is locked out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from shared.db import UtcDateTime
from shared.web.roles import Role


class WebUserColumns:
    """Somebody who may use the pages. Without a ``password_hash`` only a reverse proxy can say that it is them."""

    __tablename__ = "web_user"

    user_name: Mapped[str] = mapped_column(String(64), primary_key=True, sort_order=-1)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    password_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[CheckConstraint, ...]:
        """Each daemon's table has a constraint of its own."""
        roles = ", ".join(f"'{role}'" for role in Role)
        return (CheckConstraint(f"role IN ({roles})", name="ck_web_user_role"),)


class WebSessionColumns:
    """A browser that is signed in. The token itself is in its cookie alone."""

    __tablename__ = "web_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True, sort_order=-1)
    user_name: Mapped[str] = mapped_column(ForeignKey("web_user.user_name"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WebLockoutColumns:
    """Failed sign-ins of one user name (as a hash: it may be a password typed in the wrong field) or one address."""

    __tablename__ = "web_lockout"

    subject: Mapped[str] = mapped_column(String(80), primary_key=True, sort_order=-1)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The three tables of one daemon."""

    user: type[WebUserColumns]
    session: type[WebSessionColumns]
    lockout: type[WebLockoutColumns]
