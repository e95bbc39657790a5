"""What may go wrong between a client and MESH, as the bytes on the connection show it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Final

import httpx

from tests.fakes.fault_server import Exchange, Fault, head_of, raw_body, wire

HTML: Final = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
SOAP: Final = b'<?xml version="1.0"?><Envelope><Body><Fault>Internal error</Fault></Body></Envelope>'
JSON: Final = json.dumps({"message": "An internal error occurred."}).encode()
BODIES: Final = {"json": JSON, "html": HTML, "xml": SOAP, "empty": b""}


# The connection is cut: where, and whether MESH had taken the request by then.


def cut_before_reading(exchange: Exchange) -> None:
    exchange.reset()


def cut_after_headers(exchange: Exchange) -> None:
    exchange.receive_head()
    exchange.reset()


def cut_in_body(exchange: Exchange) -> None:
    exchange.receive_head()
    exchange.receive_body(0.5)
    exchange.reset()


def cut_before_answer(exchange: Exchange) -> None:
    """The whole request came, and MESH did not take it."""
    exchange.receive()
    exchange.reset()


def taken_and_cut(exchange: Exchange) -> None:
    exchange.receive()
    exchange.pass_to_mesh()
    exchange.reset()


def taken_and_closed(exchange: Exchange) -> None:
    exchange.receive()
    exchange.pass_to_mesh()
    exchange.close()


def taken_and_cut_in_answer_headers(exchange: Exchange) -> None:
    exchange.receive()
    exchange.write(wire(exchange.pass_to_mesh())[:30])
    exchange.close()


def taken_and_cut_in_answer_body(exchange: Exchange) -> None:
    exchange.receive()
    response = exchange.pass_to_mesh()
    exchange.write(wire(response)[: -max(1, len(raw_body(response)) // 2)])
    exchange.close()


def taken_and_cut_in_a_chunk_of_the_answer(exchange: Exchange) -> None:
    """The answer has no length and its last piece never comes."""
    exchange.receive()
    response = exchange.pass_to_mesh()
    if exchange.received.method != "HEAD":
        head = f"HTTP/1.1 {response.status_code} OK\r\ntransfer-encoding: chunked\r\n\r\n"
        exchange.write(head.encode() + b"5\r\n{abcd\r\n")
    exchange.close()


# The time passes.


def stall_unread(exchange: Exchange) -> None:
    exchange.stall()
    exchange.reset()


def stall_before_taking(exchange: Exchange) -> None:
    """MESH takes the request long after the client has given it up."""
    exchange.receive()
    exchange.stall()
    exchange.answer(exchange.pass_to_mesh())


def taken_and_stalled(exchange: Exchange) -> None:
    exchange.receive()
    response = exchange.pass_to_mesh()
    exchange.stall()
    exchange.answer(response)


def taken_and_stalled_in_answer(exchange: Exchange) -> None:
    exchange.receive()
    raw = wire(exchange.pass_to_mesh())
    exchange.write(raw[:-1] if raw.endswith(b"}") else raw[:20])
    exchange.stall()
    exchange.close()


# Another answer than MESH's own.


def answers(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, *, taken: bool = False) -> Fault:
    """Return a fault that answers in MESH's stead, ``taken``: after MESH did what was asked."""

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        if taken:
            exchange.pass_to_mesh()
        exchange.answer(httpx.Response(status, headers=dict(headers or {}), stream=httpx.ByteStream(body)))

    return fault


def answers_early(status: int) -> Fault:
    """Return a fault that answers when it has read the headers, and hangs up."""

    def fault(exchange: Exchange) -> None:
        exchange.receive_head()
        exchange.answer(httpx.Response(status, headers={"connection": "close"}, stream=httpx.ByteStream(HTML)))
        exchange.close()

    return fault


def says(raw: bytes, *, taken: bool = False) -> Fault:
    """Return a fault that writes just these bytes and hangs up."""

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        if taken:
            exchange.pass_to_mesh()
        exchange.write(raw)
        exchange.close()

    return fault


def says_before(raw: bytes) -> Fault:
    """Return a fault that writes ``raw`` and then MESH's own answer."""

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        exchange.write(raw + wire(exchange.pass_to_mesh(), head_only=exchange.received.method == "HEAD"))

    return fault


def adds(headers: Mapping[str, str]) -> Fault:
    """Return a fault that puts headers into MESH's own answer."""

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        response = exchange.pass_to_mesh()
        response.headers.update(headers)
        exchange.answer(response)

    return fault


def echoes(status: int, key: str, *names: str) -> Fault:
    """Return a fault that refuses a request and quotes headers of it under ``key``, as a chatty gateway does."""

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        quoted = "; ".join(f"{name}={exchange.received.headers[name]}" for name in names)
        body = json.dumps({"detail": [{key: f"bad header in {quoted}"}]}).encode()
        exchange.answer(httpx.Response(status, stream=httpx.ByteStream(body)))

    return fault


# What is unusual and still right.


def byte_by_byte(exchange: Exchange) -> None:
    exchange.receive()
    for byte in wire(exchange.pass_to_mesh(), head_only=exchange.received.method == "HEAD"):
        exchange.write(bytes([byte]))


def in_pieces(exchange: Exchange) -> None:
    """The body has no length but comes in pieces, each with its own."""
    exchange.receive()
    response = exchange.pass_to_mesh()
    body = raw_body(response)
    response.headers["transfer-encoding"] = "chunked"
    pieces = [body[start : start + 100] for start in range(0, len(body), 100)] + [b""]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces)
    exchange.write(head_of(response) + (b"" if exchange.received.method == "HEAD" else framed))


def to_the_end(exchange: Exchange) -> None:
    """The body ends where the connection ends."""
    exchange.receive()
    response = exchange.pass_to_mesh()
    response.headers["connection"] = "close"
    exchange.write(head_of(response) + (b"" if exchange.received.method == "HEAD" else raw_body(response)))
    exchange.close()


def in_capitals(exchange: Exchange) -> None:
    exchange.receive()
    head, separator, body = wire(exchange.pass_to_mesh(), head_only=exchange.received.method == "HEAD").partition(
        b"\r\n\r\n"
    )
    first, *headers = head.split(b"\r\n")
    loud = [
        name.upper() + b":\t" + value.strip() + b" " for name, _, value in (each.partition(b":") for each in headers)
    ]
    exchange.write(b"\r\n".join([first, *loud]) + separator + body)


def gzipped_twice_over(exchange: Exchange) -> None:
    """The body is gzip in two members, one after the other."""
    exchange.receive()
    response = exchange.pass_to_mesh()
    body = raw_body(response)
    if response.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    zipped = gzip.compress(body[: len(body) // 2]) + gzip.compress(body[len(body) // 2 :])
    headers = {**response.headers, "content-encoding": "gzip"}
    exchange.answer(httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(zipped)))


def garbles(*changes: tuple[float, bytes]) -> Fault:
    """Return a fault that overwrites MESH's own answer here (a share of its length) and there with other bytes."""

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        raw = bytearray(wire(exchange.pass_to_mesh(), head_only=exchange.received.method == "HEAD"))
        for share, other in changes:
            at = int(share * len(raw))
            raw[at : at + len(other)] = other
        exchange.write(bytes(raw))
        exchange.close()

    return fault


# A body that is not what it says.


def zips(share: float = 1.0, *, corrupt: bool = False) -> Fault:
    """Return a fault that gzips the body of MESH's answer and gives a part of that, or puts a wrong byte into it."""

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        response = exchange.pass_to_mesh()
        body = raw_body(response)
        zipped = body if "content-encoding" in response.headers else gzip.compress(body)
        sent = bytearray(zipped[: max(1, int(len(zipped) * share))])
        if corrupt:
            sent[len(sent) // 2] ^= 0xFF
        headers = {**response.headers, "content-encoding": "gzip"}
        exchange.answer(httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(bytes(sent))))

    return fault


def bomb(size: int) -> Fault:
    """Return a fault that answers with ``size`` zeros, gzipped to a thousandth of it."""
    zipped = gzip.compress(bytes(size))

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        response = exchange.pass_to_mesh()
        headers = {**response.headers, "content-encoding": "gzip"}
        exchange.answer(httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(zipped)))

    return fault


def endless(piece: bytes, encoding: str = "identity") -> Fault:
    """Return a fault whose answer goes on with ``piece`` for as long as the client reads."""

    def fault(exchange: Exchange) -> None:
        exchange.receive()
        response = exchange.pass_to_mesh()
        headers = {**response.headers, "content-encoding": encoding}
        lines = [f"HTTP/1.1 {response.status_code} OK", *(f"{name}: {value}" for name, value in headers.items())]
        exchange.write("\r\n".join([*lines, "", ""]).encode())
        while True:
            exchange.write(piece)

    return fault
