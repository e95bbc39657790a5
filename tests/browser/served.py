"""The pages of a daemon, served on loopback, and people who look at them in Chromium."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from shared.web import passwords, users
from shared.web.roles import Role
from shared.web.server import asgi, pages_of
from shared.web.site import Site

PASSWORD = "correct horse battery staple"
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 640}
ICON = "/favicon.ico"
# in milliseconds; machines that test are busy
LONGEST = 60_000
expect.set_options(timeout=LONGEST)
# what `make pictures` sets: where the screenshots of docs/ go
PICTURES = os.environ.get("PICTURES")


@dataclass
class Served:
    """A site at its address, and the browser that looks at it."""

    site: Site[Any]
    url: str
    chromium: Browser
    complaints: list[str] = field(default_factory=list)
    _states: dict[tuple[str, bool], Any] = field(default_factory=dict)

    @contextmanager
    def person(self, role: str | None, *, scripts: bool = False) -> Iterator[Page]:
        """Give a page before somebody of that role, signed in; most have switched scripts off."""
        state = self._signed_in(role) if role else None
        with self._context(state, scripts=scripts) as context:
            yield context.new_page()

    @contextmanager
    def _context(self, state: Any = None, *, scripts: bool = False) -> Iterator[BrowserContext]:
        context = self.chromium.new_context(
            base_url=self.url, java_script_enabled=scripts, storage_state=state, viewport=WIDE, locale="en-GB"
        )
        context.set_default_timeout(LONGEST)
        context.on("request", self._only_ours)
        context.on("console", self._said)
        yield context
        context.close()

    def _signed_in(self, role: str) -> Any:
        """Sign in by typing, once for each role."""
        if role not in self._states:
            app = self.site.app
            with app.database.transaction() as session:
                users.add(session, app.accounts, role, Role(role), _hashed(), app.clock())
            with self._context() as context:
                sign_in(context.new_page(), role)
                self._states[role] = context.storage_state()
        return self._states[role]

    def _only_ours(self, request: Request) -> None:
        # what shows a PDF is Chromium's own
        if not request.url.startswith((self.url, "data:", "chrome:", "chrome-extension:")):
            self.complaints.append(f"it asks for {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        # an answer that says no is one, too; and to a picture by itself Chromium looks for an icon, which it may not
        if "the server responded with a status of 4" not in message.text and not message.location["url"].endswith(ICON):
            self.complaints.append(f"{message.type}: {message.text}")


def sign_in(page: Page, name: str) -> None:
    """Type name and password, and press Enter."""
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    enter(page)
    page.get_by_role("button", name="Sign out").wait_for()


@cache
def _hashed() -> str:
    return passwords.hashed(PASSWORD)


@contextmanager
def served(site: Site[Any], chromium: Browser) -> Iterator[Served]:
    """Serve ``site`` until the end of the ``with``; whatever the browser complained of fails then."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(asgi(site), log_config=None, access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    given = Served(site, f"http://127.0.0.1:{listening.getsockname()[1]}", chromium)
    try:
        yield given
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
    assert not given.complaints, given.complaints


def enter(page: Page) -> None:
    """Press Enter on what has the focus, and wait for where it leads."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def press(page: Page, button: str) -> None:
    """Press the button, and wait for what its form leads to."""
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


def tab_to(page: Page, text: str) -> None:
    """Press the tabulator until what is called ``text`` has the focus, as somebody without a mouse does."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText").strip() == text:
            return
    raise AssertionError(f"the keyboard does not reach {text}")


def faults_of_pages(pages: Served, wanted: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is wrong with each page; ``wanted`` has the addresses of every route that gives one."""
    documents = {each.path for each in pages_of(pages.site) if "/documents/{" in each.path}
    routes = {each.path for each in pages_of(pages.site) if each.method == "GET"} - documents
    assert set(wanted) == routes, "every page must be looked at"
    faults = []
    with pages.person("admin", scripts=True) as page, pages.person(None, scripts=True) as stranger:
        for address in (address for each in wanted.values() for address in each):
            at = stranger if address == "/login" else page
            at.goto(address)
            faults += [f"{address}: {each}" for each in violations(at)]
            faults += [f"{address} is {wider} pixels too wide" for wider in [overflow(at)] if wider > 0]
    return faults


def printed(page: Page, directory: Path) -> str:
    """Return the words of a page as it is printed."""
    page.pdf(path=directory / "printed.pdf", format="A4")
    command = ["pdftotext", directory / "printed.pdf", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page, one line each."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    return [f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]


def overflow(page: Page) -> int:
    """Return how many pixels a page is wider than a narrow screen (WCAG 1.4.10)."""
    page.set_viewport_size(NARROW)
    wider: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    page.set_viewport_size(WIDE)
    return wider


def shoot(page: Page, name: str) -> None:
    """Keep a screenshot for ``docs/`` when that is wished for, in few colours: it is looked at, not measured."""
    if PICTURES:
        taken = Image.open(io.BytesIO(page.screenshot(full_page=True)))
        taken.convert("RGB").quantize(64).save(Path(PICTURES, f"web-{name}.png"), optimize=True)
