"""The commands of the web pages: ``web``, and the group ``users``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shared.cli import Commands, environment, opened
from shared.errors import CommandFailed
from shared.web.roles import Role

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.web.daemon import WebApp
    from shared.web.site import Site
    from shared.web.tables import WebUserColumns

A = TypeVar("A", bound="WebApp")
Change = Callable[[str, str, Callable[["Session", Any, datetime], object], str], None]
"""What does one change to a user, records it and says so: action, user name, what to do, words for the end."""
_COLUMNS = {
    "user": "user",
    "role": "role",
    "signs_in": "signs in",
    "locked_until": "locked until",
    "disabled_at": "disabled",
}


def add_web_commands(commands: Commands, name: str, open_app: Callable[[], A], site_of: Callable[[A], Site[A]]) -> None:
    """Give ``commands`` the pages' own process, and the keeping of their users."""

    @commands.command()
    def web() -> None:
        """Serve the web pages until SIGTERM or SIGINT, beside the daemon; WEB_LISTEN says where."""
        from shared.service import ServiceManager
        from shared.web.server import serve

        with opened(open_app, name, works=True) as app:
            serve(site_of(app), ServiceManager(environment()[0]))

    @commands.group("users")
    def group() -> None:
        """Keep the users of the web pages."""

    _add_listing(group, name, open_app)
    _add_changing(group, name, open_app)


def _add_listing(group: click.Group, name: str, open_app: Callable[[], A]) -> None:
    @group.command("list")
    @click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
    def list_(as_json: bool) -> None:
        """List the users, disabled ones too, and who is locked out."""
        from shared.presentation import print_json, print_table
        from shared.web import users

        with opened(open_app, name) as app, app.database.snapshot() as session:
            rows = [_row(session, app, user) for user in users.listing(session, app.accounts)]
        if as_json:
            print_json(rows)
            return
        print_table(rows, _COLUMNS, "no users: `users add` makes one")


def _add_changing(group: click.Group, name: str, open_app: Callable[[], A]) -> None:
    def change(action: str, user_name: str, do: Callable[[Session, A, datetime], object], done: str) -> None:
        from shared.audit import actor
        from shared.web import users

        with opened(open_app, name) as app, app.database.transaction() as session:
            now, user = app.clock(), users.normal(user_name)
            do(session, app, now)
            app.audit.record(session, actor(), action, now, subject_id=user)
        click.echo(f"{user} {done}")

    _add_passwords(group, change)
    _add_locks(group, change)


def _add_passwords(group: click.Group, change: Change) -> None:
    @group.command()
    @click.argument("user_name", metavar="NAME")
    @click.option("--role", type=click.Choice([str(role) for role in Role]), required=True, help="What they may do.")
    @click.option("--no-password", is_flag=True, help="Only a reverse proxy (WEB_USER_HEADER) says that it is them.")
    def add(user_name: str, role: str, no_password: bool) -> None:
        """Add a user, or take one back who was disabled; the password is asked for, or read from standard input."""
        from shared.web import users

        password_hash = None if no_password else _new_password(user_name)
        change(
            "user_added",
            user_name,
            lambda session, app, now: users.add(session, app.accounts, user_name, Role(role), password_hash, now),
            f"may use the pages as {role}",
        )

    @group.command()
    @click.argument("user_name", metavar="NAME")
    def password(user_name: str) -> None:
        """Give a user another password, and sign them out; it is asked for, or read from standard input."""
        from shared.web import users

        password_hash = _new_password(user_name)
        change(
            "user_password_set",
            user_name,
            lambda session, app, now: users.set_password(session, app.accounts, user_name, password_hash, now),
            "has another password",
        )


def _add_locks(group: click.Group, change: Change) -> None:
    @group.command()
    @click.argument("user_name", metavar="NAME")
    def disable(user_name: str) -> None:
        """Let a user in no more, and sign them out at once; `users add` takes them back."""
        from shared.web import users

        change(
            "user_disabled",
            user_name,
            lambda session, app, now: users.disable(session, app.accounts, user_name, now),
            "is disabled",
        )

    @group.command()
    @click.argument("user_name", metavar="NAME")
    def unlock(user_name: str) -> None:
        """Let a user try again at once who failed to sign in too often."""
        from shared.web import users

        change(
            "user_unlocked",
            user_name,
            lambda session, app, _now: users.unlock(session, app.accounts, user_name),
            "may try again",
        )


def _row(session: Session, app: WebApp, user: WebUserColumns) -> dict[str, Any]:
    from shared.presentation import rfc3339
    from shared.web import lockouts

    until = lockouts.locked_until(session, app.accounts, lockouts.of_user(user.user_name), app.clock())
    return {
        "user": user.user_name,
        "role": user.role,
        "signs_in": "with a password" if user.password_hash else "by the reverse proxy",
        "locked_until": rfc3339(until),
        "disabled_at": rfc3339(user.disabled_at),
    }


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _new_password(user_name: str) -> str:
    """Return the hash of a password that a person types twice, or that standard input gives: never an argument."""
    from shared.web import passwords, users

    if _is_terminal():
        typed = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    fault = passwords.fault(typed, users.normal(user_name))
    if fault is not None:
        raise CommandFailed(f"the password {fault}")
    return passwords.hashed(typed)
