"""The pages as one ASGI application, and the process that serves it."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from shared.errors import CommandFailed
from shared.log import emit
from shared.service import ServiceManager
from shared.setting_types import Address
from shared.web import account_pages, admin_pages, alert_pages, gate
from shared.web.connections import PromptConnection
from shared.web.events import WEB_STARTED, WEB_STOPPED
from shared.web.forms import read_form
from shared.web.headers import ProxyOnly, SafeHeaders
from shared.web.site import A, Page, Site

STATIC: Final = Path(__file__).parent / "static"
_MOST_AT_ONCE: Final = 100
_FINISH_WITHIN: Final = 10


def pages_of(site: Site[A]) -> tuple[Page[A], ...]:
    """Return every page: those that both daemons have, and the daemon's own."""
    return (*account_pages.PAGES, *alert_pages.PAGES, *admin_pages.PAGES, *site.pages)


def asgi(site: Site[A]) -> ASGIApp:
    """Return the application that serves ``site``."""
    settings = site.app.settings
    routes: list[BaseRoute] = [
        Route(page.path, _endpoint(site, page), methods=[page.method], name=page.route) for page in pages_of(site)
    ]
    routes.append(Mount("/static", StaticFiles(directory=STATIC), name="static"))
    pages = Starlette(routes=routes, exception_handlers={HTTPException: _error_page(site)})
    pages.router.redirect_slashes = False
    app: ASGIApp = TrustedHostMiddleware(pages, settings.web_hosts, www_redirect=False)
    if settings.web_proxy:
        # the types of two packages for the same thing
        forwarded = ProxyHeadersMiddleware(app, list(settings.web_proxy))  # type: ignore[arg-type]
        app = ProxyOnly(forwarded, settings.web_proxy)  # type: ignore[arg-type]
    return SafeHeaders(app)


def serve(site: Site[A], service: ServiceManager) -> None:
    """Serve until SIGTERM or SIGINT; raises CommandFailed when the address is taken or the styles are not there."""
    require_styles(STATIC)
    address = site.app.settings.web_listen
    listening = _listening(address)
    host = f"[{address.host}]" if ":" in address.host else address.host
    config = uvicorn.Config(
        asgi(site),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http=PromptConnection,
        ws="none",
        lifespan="off",
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=_FINISH_WITHIN,
    )
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    server = uvicorn.Server(config)
    # uvicorn hands the signal on once it has ended: then it must do nothing more
    before = {each: signal.signal(each, lambda *_: None) for each in (signal.SIGTERM, signal.SIGINT)}
    emit(WEB_STARTED, address=f"http://{host}:{address.port}/")
    service.ready()
    try:
        server.run(sockets=[listening])
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        listening.close()
    emit(WEB_STOPPED)


def require_styles(directory: Path) -> None:
    """Raise CommandFailed when the stylesheet is not there: set-up makes it, git does not have it."""
    if not (directory / "nhsuk-frontend.min.css").exists():
        raise CommandFailed(
            "the stylesheet of the pages is not installed: install a wheel of `make wheel`, or run `make styles` before"
            " `pip install .`"
        )


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=128)
    except OSError as error:
        raise CommandFailed(f"{address.host}:{address.port} cannot be listened at: {error.strerror}") from None


def _endpoint(site: Site[A], page: Page[A]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if any("\0" in str(text) for text in (*request.path_params.values(), *request.query_params.values())):
            raise HTTPException(404)
        form = await read_form(request) if page.method == "POST" else {}
        return await run_in_threadpool(gate.answer, page, gate.visit_of(site, request, form))

    return endpoint


def _error_page(site: Site[A]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return gate.error_of(gate.visit_of(site, request, {}), status)

    return answer
