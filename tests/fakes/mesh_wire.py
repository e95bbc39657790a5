"""What the in-memory MESH holds and how it answers."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import httpx

V2 = "application/vnd.mesh.v2+json"


@dataclass
class Mailbox:
    mailbox_id: str
    ods_code: str
    password: str
    workflows: tuple[str, ...]

    def takes(self, ods_code: str, workflow_id: str) -> bool:
        return self.ods_code == ods_code and workflow_id in self.workflows


@dataclass
class Message:
    """One message as MESH holds it. ``addressed_to`` is the Mex-To as it was posted, ``recipient`` a mailbox id."""

    message_id: str
    recipient: str
    workflow_id: str
    body: bytes = field(repr=False)
    sender: str = ""
    subject: str = field(default="", repr=False)
    local_id: str = ""
    content_type: str = "application/octet-stream"
    addressed_to: str = field(default="", repr=False)
    chunks: int = 1
    message_type: str = "DATA"
    status: str = "accepted"
    linked_message_id: str = ""
    code: str = "00"
    event: str = "TRANSFER"
    description: str = "Transferred to recipient mailbox"
    extra_headers: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    parts: dict[int, bytes] = field(default_factory=dict, repr=False)

    def chunk(self, number: int) -> bytes:
        size = -(-len(self.body) // max(self.chunks, 1)) or 1
        return self.body[(number - 1) * size : number * size]

    def mex_headers(self, number: int, at: datetime) -> dict[str, str]:
        """Return what MESH says of the message with its chunk ``number``; what is empty is left out."""
        headers = {
            "mex-messageid": self.message_id, "mex-messagetype": self.message_type,
            "mex-from": self.sender, "mex-to": self.recipient, "mex-workflowid": self.workflow_id,
            "mex-localid": self.local_id, "mex-subject": self.subject,
            "mex-linkedmsgid": self.linked_message_id, "mex-statuscode": self.code,
            "mex-statusevent": self.event, "mex-statusdescription": self.description,
            "mex-statussuccess": "SUCCESS" if self.code == "00" else "ERROR",
            "mex-statustimestamp": f"{at:%Y%m%d%H%M%S}", "mex-chunk-range": f"{number}:{self.chunks}",
            "content-type": self.content_type, **self.extra_headers,
        }  # fmt: skip
        return {name: value for name, value in headers.items() if value}

    def tracked(self, *, old: bool) -> dict[str, Any]:
        """Return what tracking tells of the message, in the shape of version 1 when ``old``."""
        if old:
            facts = {"dtsId": self.message_id, "messageId": self.message_id, "localId": self.local_id}
            return {**facts, "recipient": self.recipient, "status": self.status.title(), "chunkCount": self.chunks}
        facts = {"message_id": self.message_id, "local_id": self.local_id, "workflow_id": self.workflow_id}
        return {**facts, "recipient": self.recipient, "status": self.status}


def query_of(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}


def passes(workflow_id: str, wish: str | None) -> bool:
    """Apply MESH's filter: ``X``, ``X*``, ``*X*``, each with ``!`` before it for the opposite."""
    if not wish:
        return True
    pattern = ".*".join(re.escape(part) for part in wish.removeprefix("!").split("*"))
    return bool(re.fullmatch(pattern, workflow_id)) != wish.startswith("!")


def respond(
    status: int,
    content: bytes | dict[str, Any] = b"",
    headers: Mapping[str, str] | None = None,
    request: httpx.Request | None = None,
) -> httpx.Response:
    """Answer as a stream, gzipped when ``request`` is given and takes it, as MESH does with any download."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    sent = {"content-type": V2, **(headers or {})}
    if request is not None and body and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        sent |= {"content-encoding": "gzip", "mex-content-compressed": "Y"}
    return httpx.Response(status, headers=sent, stream=httpx.ByteStream(body))


def error(status: int, event: str, code: str, text: str, message_id: str | None = None) -> httpx.Response:
    named = {"message_id": message_id} if message_id else {}
    return respond(status, {**named, "detail": [{"event": event, "code": code, "msg": text}]})


def invalid(header: str, text: str, value: str | None = None) -> httpx.Response:
    detail = {"type": "invalid", "loc": ["header", header], "msg": text, "input": value}
    return respond(400, {"detail": [detail]})
