"""The headers that every answer carries, and the requests that get no other answer."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.log import emit
from shared.web.events import REQUEST_REFUSED

PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS: Final = {
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
_STATIC: Final = {"Cache-Control": "max-age=3600"}
_KEPT: Final = (200, 304)


class SafeHeaders:
    """Puts the headers on every answer that does not have its own, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the headers."""
        is_static = scope["path"].startswith("/static/")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                # an error page has a cookie and a form's token: nobody may keep it for anybody
                more = _STATIC if is_static and message["status"] in _KEPT else {}
                headers = MutableHeaders(scope=message)
                for name, value in (_ALWAYS | more).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class ProxyOnly:
    """Lets only the reverse proxy in, and tells the pages that it was it."""

    def __init__(self, app: ASGIApp, networks: tuple[str, ...]) -> None:
        self._app = app
        self._networks = [ip_network(network) for network in networks]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the proxy; refuse anybody else."""
        peer = (scope.get("client") or ("",))[0]
        if not self._is_proxy(peer):
            emit(REQUEST_REFUSED, reason="not from the reverse proxy", source=peer)
            await PlainTextResponse("These pages are reached through a reverse proxy.\n", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_proxy(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def is_cross_site(headers: Headers | Mapping[str, str]) -> bool:
    """Say whether the browser tells that another site sent the request; old browsers tell nothing.

    Under ``no-referrer`` a browser sends the origin ``null`` with its own forms, too: that says nothing.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin", "null")
    return origin != "null" and urlsplit(origin).netloc != headers.get("host")
