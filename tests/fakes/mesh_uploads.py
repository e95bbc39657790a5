"""What the in-memory MESH makes of bodies that come in: what is refused, gzip, and messages in chunks."""

from __future__ import annotations

import gzip
import re
import zlib

import httpx

from tests.fakes.mesh_wire import Message, error, invalid, respond

LONGEST = {"mex-to": 100, "mex-workflowid": 300, "mex-localid": 300, "mex-subject": 500, "content-type": 100}


def refuse_headers(sender: str, request: httpx.Request) -> httpx.Response | None:
    """Return MESH's refusal of a message that it cannot take as it is."""
    headers = request.headers
    for name, limit in LONGEST.items():
        if len(headers.get(name, "")) > limit:
            return invalid(name, f"String should have at most {limit} characters", headers[name])
    if not headers.get("mex-workflowid"):
        return invalid("mex-workflowid", "Field required")
    if not headers.get("mex-to"):
        return error(400, "SEND", "08", "TO_DTS missing")
    if headers.get("mex-from", sender) != sender:
        return error(417, "SEND", "07", "Invalid From Address in the control file")
    if not request.content:
        return error(417, "COLLECT", "02", "Data file is missing or inaccessible.")
    if chunk_range(request)[0] != 1:
        return error(417, "SEND", "InvalidHeaderChunks", "Invalid chunk range")
    return None


def chunk_range(request: httpx.Request) -> tuple[int, int]:
    """Return the number and the total of ``Mex-Chunk-Range``, 1 of 1 without it, 0 of 0 when it makes no sense."""
    stated = re.fullmatch(r"([0-9]+):([0-9]+)", request.headers.get("mex-chunk-range", "1:1"))
    return (int(stated[1]), int(stated[2])) if stated else (0, 0)


def received(request: httpx.Request) -> bytes | httpx.Response:
    """Return the body as it was before its transport encoding, or MESH's refusal."""
    encoding = request.headers.get("content-encoding")
    if encoding not in (None, "gzip"):
        return error(422, "SEND", "UnsupportedContentEncoding", "Unsupported content encoding")
    try:
        return gzip.decompress(request.content) if encoding else request.content
    except (OSError, EOFError, zlib.error):
        return error(500, "", "", "An internal error occurred.")


def take_chunk(message: Message | None, sender: str, number: int, request: httpx.Request) -> httpx.Response:
    """Take a chunk after the first. The one with the last number finishes the message, whatever is missing."""
    if message is None:
        return error(404, "", "", "Not Found")
    if message.sender != sender:
        return error(403, "", "", "Forbidden")
    if number > message.chunks:
        return respond(406, {"message": "An internal error occurred."})
    if message.status != "uploading":
        return respond(423, {"message": "An internal error occurred."})
    if chunk_range(request) != (number, message.chunks):
        return error(417, "SEND", "InvalidHeaderChunks", "Invalid chunk range")
    if request.headers.get("content-encoding", "") != message.encoding:
        return error(417, "SEND", "InvalidHeaderChunks", "Content encoding changed")
    body = received(request)
    if isinstance(body, httpx.Response):
        return body
    message.parts[number] = body
    if number == message.chunks:
        message.body = b"".join(message.parts.get(each, b"") for each in range(1, message.chunks + 1))
        message.status = "accepted"
    return respond(202, {"message_id": message.message_id})
