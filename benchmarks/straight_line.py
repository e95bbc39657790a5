"""The yardstick of receiving: a script that downloads, parses, answers and acknowledges, and stores nothing.

It uses NHS England's ``mesh-client`` and ``fhir.resources``, one message after the other:

    python -m benchmarks.straight_line URL PASSWORD SHARED_KEY PATH_OF_MESH_CLIENT < responses.json

``responses.json`` has the two canned bodies. It prints the messages and the seconds from the first list to the last
acknowledgement.
"""

from __future__ import annotations

import json
import sys
import time

from fhir.resources.STU3.bundle import Bundle

from benchmarks.specimens import RECEIVER, SENDER, WORKFLOW


def main(url: str, password: str, shared_key: str, where: str) -> None:
    """Empty the mailbox."""
    sys.path.append(where)
    from mesh_client import MeshClient  # type: ignore[import-not-found]

    canned = [body.encode() for body in json.load(sys.stdin)]
    with MeshClient(url, RECEIVER, password, shared_key=shared_key.encode(), verify=False, timeout=30) as client:
        client.handshake()
        begun, messages = time.monotonic(), 0
        for message_id in client.iterate_message_ids():
            message = client.retrieve_message(message_id)
            Bundle.model_validate_xml(message.read())
            for body in canned:
                client.send_message(SENDER, body, workflow_id=f"{WORKFLOW}_ACK", subject="a response")
            client.acknowledge_message(message_id)
            messages += 1
        print(json.dumps({"messages": messages, "seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    main(*sys.argv[1:])
