"""What a daemon gives to the web pages, and what a page gets to answer with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar

from jinja2 import Environment
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shared.audit import Actor
from shared.web import sessions
from shared.web.advice import Advice
from shared.web.daemon import WebApp
from shared.web.links import Link
from shared.web.roles import Role

A = TypeVar("A", bound=WebApp)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is at the browser."""

    name: str
    role: Role

    @property
    def actor(self) -> Actor:
        """Who it is for audit and timeline: no account of the operating system."""
        return Actor(f"web:{self.name}", None, str(self.role))


@dataclass(frozen=True)
class Page(Generic[A]):
    """One route: who may use it, and what answers. ``role`` None is everybody, signed in or not.

    ``loses_work`` says that what was sent is lost when the session is over, and that whoever sent it must know.
    """

    method: Literal["GET", "POST"]
    path: str
    role: Role | None
    answer: Callable[[Visit[A]], Response]
    loses_work: bool = True

    @property
    def route(self) -> str:
        """The route as the log names it: never with the values in it."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Site(Generic[A]):
    """A daemon's pages. ``title`` is what people call it; the first entry of ``navigation`` is its front page.

    ``subject_links`` returns the links to the pages about the subject of an alert, the first one that of its record;
    ``advice`` has what to do about each kind of alert.
    """

    title: str
    app: A
    pages: Sequence[Page[A]]
    navigation: Sequence[Link]
    environment: Environment
    subject_links: Callable[[Session, str], Sequence[Link]] = lambda _session, _subject_id: ()
    advice: Mapping[str, Advice] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """The cookie's name. Cookies ignore ports, and both daemons may be on one machine."""
        return f"__Host-{self.app.settings.daemon}"

    @property
    def limits(self) -> sessions.Limits:
        """When sessions end."""
        settings = self.app.settings
        return sessions.Limits(settings.web_session_idle, settings.web_session_length)


@dataclass
class Visit(Generic[A]):
    """One request, with everything that a page needs. ``token`` is the cookie's; ``fresh`` says it is yet to be set."""

    request: Request
    site: Site[A]
    user: SignedIn | None
    form: Mapping[str, str] = field(repr=False)
    token: str = field(repr=False)
    fresh: bool

    @property
    def app(self) -> A:
        """The daemon."""
        return self.site.app

    @property
    def who(self) -> Actor:
        """Who acts, for audit and timeline."""
        if self.user is None:
            raise PermissionError("nobody is signed in")
        return self.user.actor

    @property
    def source(self) -> str:
        """The network address that the request came from."""
        return self.request.client.host if self.request.client else "unknown"

    def value(self, name: str) -> str:
        """Return a field of the form without white space around it, empty when it is not there."""
        return self.form.get(name, "").strip()

    def query(self, name: str) -> str:
        """Return a parameter of the address, empty when it is not there. No patient data is ever one."""
        return self.request.query_params.get(name, "")

    def page(self) -> int:
        """Return which page of a list is asked for, 1 unless the address says another."""
        wanted = self.query("page")
        return max(int(wanted), 1) if len(wanted) < 6 and wanted.isascii() and wanted.isdecimal() else 1

    def parameter(self, name: str) -> Any:
        """Return what the route says at ``{name}``."""
        return self.request.path_params[name]

    def may(self, role: Role) -> bool:
        """Say whether whoever is signed in may do what ``role`` may."""
        return self.user is not None and self.user.role.includes(role)

    def render(self, template: str, *, status: int = 200, **context: object) -> Response:
        """Return a page; templates are escaped, and get ``visit``, ``csrf_field``, ``may_act`` and ``context``."""
        field_ = Markup('<input type="hidden" name="csrf" value="{}">').format(sessions.csrf_of(self.token))
        shown = {"visit": self, "csrf_field": field_, "may_act": self.may(Role.CLERK)} | context
        words = self.site.environment.get_template(template).render(shown)
        # what was stored may hold half a surrogate pair, which no page can
        response = HTMLResponse(words.encode(errors="replace"), status)
        if self.fresh:
            self.give(response, self.token)
        return response

    def go(self, path: str) -> Response:
        """Return a redirection to a page of ours, to be fetched with GET."""
        return RedirectResponse(path, 303)

    def give(self, response: Response, token: str) -> None:
        """Let the browser keep ``token`` for this session; a script never sees it, and no other site sends it."""
        response.set_cookie(self.site.cookie, token, **_COOKIE)

    def take(self, response: Response) -> None:
        """Let the browser forget its token."""
        response.delete_cookie(self.site.cookie, **_COOKIE)


_COOKIE: Final[dict[str, Any]] = {"path": "/", "secure": True, "httponly": True, "samesite": "strict"}
