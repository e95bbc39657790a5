"""Runs the local MESH on this machine alone, for the demo and for tests, until it is told to stop.

    .venv/sandbox/bin/python -W ignore deploy/demo/mesh/serve.py --config FILE [--port 0] [--ready-file PATH] …

It ends on SIGTERM, after ``--max-seconds``, and when the process that started it is no more. MESH's own record of
every message, without bodies, is at ``GET /demo/record``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import ssl
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn


class Server(uvicorn.Server):
    """A server that says when it listens, and that never outlives its parent or its time."""

    def __init__(self, config: uvicorn.Config, port: int, ready_file: Path | None, max_seconds: float | None) -> None:
        super().__init__(config)
        self._port = port
        self._ready_file = ready_file
        self._ends_at = time.monotonic() + max_seconds if max_seconds else None
        self._parent = os.getppid()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then write the port to the ready file in one step."""
        await super().startup(sockets)
        if self._ready_file and self.started:
            unfinished = self._ready_file.with_name(self._ready_file.name + ".new")
            unfinished.write_text(f"{self._port}\n")
            unfinished.replace(self._ready_file)

    async def on_tick(self, counter: int) -> bool:
        """Say whether it is time to stop; asked ten times a second."""
        is_late = self._ends_at is not None and time.monotonic() > self._ends_at
        return is_late or os.getppid() != self._parent or await super().on_tick(counter)


def application(document: dict[str, Any], dropped: list[str]) -> Any:
    """Return the sandbox's application with our store behind it. The sandbox reads its settings at import."""
    os.environ.update(AUTH_MODE="full", STORE_MODE="memory", SHARED_KEY=document["shared_key"])
    from local_mesh import Configuration, LocalStore, StrictMessaging
    from mesh_sandbox.api import app
    from mesh_sandbox.dependencies import get_env_config, get_logger, get_messaging

    logging.getLogger("mesh-sandbox").setLevel(logging.WARNING)
    store = LocalStore(get_env_config(), get_logger(), Configuration.from_json(document, dropped))
    messaging = StrictMessaging(store)
    app.dependency_overrides[get_messaging] = lambda: messaging
    app.add_api_route("/demo/record", store.record, methods=["GET"])
    return app


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, default=os.environ.get("LOCAL_MESH_CONFIG"), help="JSON file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--ready-file", type=Path, help="gets the port once it listens")
    parser.add_argument("--max-seconds", type=float, help="end by itself after this long")
    parser.add_argument("--drop-workflow", action="append", default=[], metavar="ID", help="accept and lose these")
    parser.add_argument("--certificate", type=Path, help="serve https with this certificate (PEM)")
    parser.add_argument("--key", type=Path, help="its key (PEM)")
    parser.add_argument("--client-ca", type=Path, help="demand a client certificate signed by this authority (PEM)")
    chosen = parser.parse_args()
    if chosen.config is None:
        parser.error("--config or LOCAL_MESH_CONFIG is needed")
    return chosen


def stop(_signal: int, _frame: FrameType | None) -> None:
    """End well; uvicorn raises the signal again when it has finished."""
    sys.exit(0)


def main() -> None:
    """Run until told to stop."""
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    chosen = arguments()
    # With the protocol named, asyncio sets TCP_NODELAY; without it every answer waits 40 ms for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", chosen.port))
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            application(json.loads(Path(chosen.config).read_text()), chosen.drop_workflow),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
            ssl_certfile=chosen.certificate,
            ssl_keyfile=chosen.key,
            ssl_ca_certs=chosen.client_ca and str(chosen.client_ca),
            ssl_cert_reqs=ssl.CERT_REQUIRED if chosen.client_ca else ssl.CERT_NONE,
        )
        Server(config, port, chosen.ready_file, chosen.max_seconds).run(sockets=[listening])


if __name__ == "__main__":
    main()
