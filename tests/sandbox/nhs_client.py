"""Does with NHS England's mesh-client what its standard input asks for, and prints what came of it.

Runs in the sandbox's own virtual environment. In: one JSON object with the mailbox and the ``calls``, each a list of
a name and an object of arguments. Out: a list with a JSON value for each call. Bodies travel in base64.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from mesh_client import MeshClient


def shake_hands(client: MeshClient) -> None:
    client.handshake()


def list_inbox(client: MeshClient) -> list[str]:
    return list(client.iterate_message_ids())


def send(client: MeshClient, to: str, body: str, chunk_size: int, compress: bool, **more: str) -> str:
    return client.send_message(to, b64decode(body), max_chunk_size=chunk_size, compress=compress, **more)


def receive(client: MeshClient, message_id: str) -> dict[str, Any]:
    message = client.retrieve_message(message_id)
    body = message.read() or b""
    message.close()
    return {"body": b64encode(body).decode(), "content_type": message.content_type, **dict(message.mex_headers())}


def acknowledge(client: MeshClient, message_id: str) -> None:
    client.acknowledge_message(message_id)


def track(client: MeshClient, message_id: str) -> Any:
    return client.track_message(message_id)


def look_up(client: MeshClient, ods_code: str, workflow_id: str) -> Any:
    return client.lookup_endpoint(ods_code, workflow_id)


CALLS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (shake_hands, list_inbox, send, receive, acknowledge, track, look_up)
}


def main() -> None:
    wish = json.load(sys.stdin)
    with MeshClient(
        wish["url"],
        wish["mailbox_id"],
        wish["password"],
        shared_key=wish["shared_key"].encode(),
        cert=tuple(wish["certificate"]),
        verify=wish["authority"],
        check_hostname=True,
        timeout=30,
    ) as client:
        json.dump([CALLS[name](client, **arguments) for name, arguments in wish["calls"]], sys.stdout)


if __name__ == "__main__":
    main()
