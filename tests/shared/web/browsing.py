"""A browser for tests: it keeps cookies, fills in forms with the token that the page gave, and follows nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from shared.web import passwords, sessions, users
from shared.web.roles import Role
from shared.web.server import asgi
from shared.web.site import Site

PASSWORD = "correct horse battery staple"
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Browser:
    """Asks the pages of ``site`` from ``source``; ``user`` is who is signed in, without typing a password."""

    def __init__(self, site: Site[Any], source: str = "127.0.0.1", headers: Mapping[str, str] | None = None) -> None:
        self.site = site
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(asgi(site), raise_app_exceptions=False, client=(source, 40000))
        self._client = httpx.AsyncClient(
            transport=transport, base_url="https://localhost", headers=headers, follow_redirects=False
        )
        self.page = ""

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, fields: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        """Send a form of the page that was seen last, with its token."""
        found = _CSRF.search(self.page)
        token = {"csrf": found[1]} if found else {}
        return self.ask("POST", path, data=token | dict(fields or {}), **more)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        response = self._runner.run(self._client.request(method, path, **more))
        if response.headers.get("content-type", "").startswith("text/html"):
            self.page = response.text
        return response

    @property
    def token(self) -> str | None:
        return self._client.cookies.get(self.site.cookie)

    def keep(self, token: str) -> None:
        """Hold ``token`` as the cookie, as if the pages had given it."""
        self._client.cookies.clear()
        self._client.cookies.set(self.site.cookie, token, domain="localhost.local", path="/")

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Type name and password as a person does."""
        self.get("/login")
        return self.post("/login", {"name": name, "password": password})

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


@contextmanager
def browser(site: Site[Any], role: str | None = None, **more: Any) -> Iterator[Browser]:
    """Give a browser, signed in as a user of that role who is called like it; without one nobody is."""
    with_one = Browser(site, **more)
    if role is not None:
        signed_in(with_one, role)
    try:
        yield with_one
    finally:
        with_one.close()


def signed_in(with_one: Browser, role: str) -> None:
    """Sign a user of that role in without typing a password, which takes long on purpose."""
    app = with_one.site.app
    with app.database.transaction() as session:
        if users.find(session, app.accounts, role) is None:
            users.add(session, app.accounts, role, Role(role), None, app.clock())
        with_one.keep(sessions.begin(session, app.accounts, role, app.clock()))


def hash_hastily(patch: pytest.MonkeyPatch) -> None:
    """Let argon2 take little time and memory, where many passwords are typed."""
    patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def add_user(site: Site[Any], name: str, role: str = "clerk", password: str = PASSWORD) -> None:
    """Add somebody who signs in by typing."""
    with site.app.database.transaction() as session:
        users.add(session, site.app.accounts, name, Role(role), passwords.hashed(password), site.app.clock())
