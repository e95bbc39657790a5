"""The evening surgery, and then the web pages of both practices on this machine until Ctrl-C: ``make demo-web``.

The daemons go on meanwhile: what somebody does in the pages travels. ``--quick`` leaves the evening out.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tabulate import tabulate

from deploy.demo.cases import CASES
from deploy.demo.demo import alder, birch, play
from deploy.demo.evening import Evening
from deploy.demo.practices import Background, DemoFailed, Practice
from deploy.demo.surgery import ALDER, BIRCH

# longer than anybody looks at a demo
_A_DAY: Final = 86_400
_START_WITHIN: Final = 120.0
# who may do what, and the ports that the two settings WEB_LISTEN have by default
_USERS: Final = {"veronica": "viewer", "clarissa": "clerk", "adelaide": "admin"}
_PORTS: Final = {"federated-sender": 8082, "registered-receiver": 8081}
_NAMES: Final = {"federated-sender": ALDER["name"], "registered-receiver": BIRCH["name"]}


def show_pages(practices: Sequence[Practice], users: Mapping[str, str] = _USERS) -> None:
    """Serve the pages of the practices until somebody ends it; print once where they are and who may sign in."""
    passwords = {user: secrets.token_urlsafe(12) for user in users}
    pages: list[Background] = []
    try:
        for practice in practices:
            for user, role in users.items():
                practice.run("users", "add", user, "--role", role, typed=passwords[user] + "\n")
            address = f"127.0.0.1:{_free(_PORTS[practice.command])}"
            pages.append(practice.web(address))
            _wait_for(f"http://{address}/login", pages[-1])
            print(f"{_NAMES[practice.command]}: http://{address}/", flush=True)
        _print_users(users, passwords)
        while not threading.Event().wait(0.5):
            for each in pages:
                each.check()
    except KeyboardInterrupt:
        print("\nthe pages are closed", flush=True)
    finally:
        for each in pages:
            each.stop()


def leave_a_near_miss(evening: Evening) -> None:
    """Let one more report travel whose patient a person at the registered practice must compare."""
    (case,) = (case for case in CASES if case.name == "near miss")
    evening.enqueue([replace(case, name="near miss, left to whoever looks").consultation(evening.seen_at, ())])
    print("\nOne more near miss is on its way to the worklist; it is left to you.")


def quick(directory: Path) -> None:
    """Show the pages of two practices to whom nothing has happened yet, to one user."""
    # nothing listens on the discard port, and nothing is sent
    practices = [alder("http://127.0.0.1:9", directory), birch("http://127.0.0.1:9", directory)]
    for practice in practices:
        practice.do("migrate")
    show_pages(practices, {"adelaide": "admin"})


def _print_users(users: Mapping[str, str], passwords: Mapping[str, str]) -> None:
    rows = [[user, role, passwords[user]] for user, role in users.items()]
    print(f"\n{tabulate(rows, headers=['name', 'role', 'password'], tablefmt='simple', disable_numparse=True)}")
    print("\nThe passwords are shown this once. Ctrl-C ends the pages.", flush=True)


def _free(port: int) -> int:
    """Return ``port``, or another one when somebody has it."""
    for wanted in (port, 0):
        with suppress(OSError), socket.create_server(("127.0.0.1", wanted)) as found:
            chosen: int = found.getsockname()[1]
            return chosen
    raise DemoFailed("no port of this machine is free")


def _wait_for(url: str, page: Background) -> None:
    late = time.monotonic() + _START_WITHIN
    while time.monotonic() < late:
        page.check()
        # the way to this machine leads through no proxy
        with suppress(URLError), build_opener(ProxyHandler({})).open(url, timeout=10):
            # and it was no other program that has the port
            page.check()
            return
        time.sleep(0.05)
    raise DemoFailed(f"{page.name} does not answer; see {page.log}")


def main() -> int:
    """Play the evening and leave the pages running; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="without the evening: the pages are empty")
    chosen = parser.parse_args()
    # told to end, it ends its processes first
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def afterwards(evening: Evening) -> None:
        leave_a_near_miss(evening)
        show_pages((evening.alder, evening.birch))

    with tempfile.TemporaryDirectory(prefix="federated-consultation-web-") as name:
        try:
            if chosen.quick:
                quick(Path(name))
                return 0
            faults = play(Path(name), seconds=_A_DAY, afterwards=afterwards)
        except DemoFailed as error:
            faults = [str(error)]
        except KeyboardInterrupt:
            faults = ["it was interrupted before the pages were there"]
    if faults:
        print("Not as it must be:", *(f"  - {fault}" for fault in faults), sep="\n", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
