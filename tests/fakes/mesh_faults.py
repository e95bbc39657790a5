"""What may happen to a request on its way to the in-memory MESH, instead of or besides its being served."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from tests.fakes.mesh_wire import respond

Serve = Callable[[httpx.Request], httpx.Response]
Fault = Callable[[httpx.Request, Serve], httpx.Response]


def connection_refused(request: httpx.Request, serve: Serve) -> httpx.Response:
    raise httpx.ConnectError("[Errno 111] Connection refused")


def connect_timeout(request: httpx.Request, serve: Serve) -> httpx.Response:
    raise httpx.ConnectTimeout("timed out")


def timeout_before(request: httpx.Request, serve: Serve) -> httpx.Response:
    """No answer comes, and MESH did nothing; the client cannot know."""
    raise httpx.ReadTimeout("timed out")


def timeout_after(request: httpx.Request, serve: Serve) -> httpx.Response:
    """MESH did what was asked, and no answer comes."""
    serve(request)
    raise httpx.ReadTimeout("timed out")


def reset_before(request: httpx.Request, serve: Serve) -> httpx.Response:
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")


def reset_after(request: httpx.Request, serve: Serve) -> httpx.Response:
    serve(request)
    raise httpx.ReadError("Connection reset by peer")


def answer(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Return a fault that answers in MESH's stead; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def fault(request: httpx.Request, serve: Serve) -> httpx.Response:
        return respond(status, body, named)

    return fault


def answer_after(status: int, body: bytes = b"") -> Fault:
    """Return a fault that lets MESH do what was asked and then answers something else."""

    def fault(request: httpx.Request, serve: Serve) -> httpx.Response:
        serve(request)
        return respond(status, body)

    return fault
