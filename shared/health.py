"""Asks a running daemon how it is, over its endpoint on loopback.

``python -m shared.health`` asks at ``METRICS_ADDRESS`` and imports next to nothing: containers do it every minute.
"""

from __future__ import annotations

import http.client
import os
import sys
from typing import Final

_WITHIN: Final = 5.0


def ask_health(host: str, port: int) -> tuple[bool, str]:
    """Return whether ``/healthz`` says that all is well, and its words, or that nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=_WITHIN)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        words = answer.read(1_000).decode("ascii", "replace").strip()
    except (OSError, http.client.HTTPException):
        return False, f"nobody answers at {host}:{port}"
    finally:
        connection.close()
    return answer.status == http.client.OK, words


def main(address: str) -> int:
    """Print how the daemon at ``address`` is; return the exit status."""
    host, _, port = address.rpartition(":")
    well, words = ask_health(host.strip("[]"), int(port)) if port.isdigit() else (False, "METRICS_ADDRESS is not set")
    sys.stdout.write(f"{words}\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(os.environ.get("METRICS_ADDRESS", "")))
