"""Measure 5: how long a command and the daemons take to start."""

from __future__ import annotations

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from benchmarks.figures import Figure, Result, Target, middle
from benchmarks.processes import BIN, cpu_of, running, seconds_of, wait_until
from benchmarks.sites import Site

_IMPORTS: Final = "import sqlalchemy.orm, pydantic_settings"


def measure(site: Site, rounds: int = 9) -> Result:
    """Run the commands in turn with the bare imports."""
    environments = {"federated-sender": site.sender("sqlite"), "registered-receiver": site.receiver("sqlite")}
    taken: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        plain = environments["federated-sender"]
        taken.setdefault("imports", []).append(seconds_of([sys.executable, "-c", _IMPORTS], plain))
        for daemon, environment in environments.items():
            for command in ("--help", "status"):
                taken.setdefault(f"{daemon} {command}", []).append(seconds_of([BIN / daemon, command], environment))
            taken.setdefault(f"{daemon} poll", []).append(_first_poll(site, daemon, environment))
    cpu = {name: middle(each[0] for each in times) for name, times in taken.items()}
    clock = {name: middle(each[1] for each in times) for name, times in taken.items()}
    figures = [
        figure
        for daemon in environments
        for figure in (
            Figure(f"`{daemon} --help`", clock[f"{daemon} --help"], "s", Target(most=0.3)),
            Figure(f"`{daemon} --help`, CPU", cpu[f"{daemon} --help"], "s"),
            Figure(
                f"CPU of `{daemon} status`, beside the bare imports",
                cpu[f"{daemon} status"] / cpu["imports"],
                "",
                Target(most=1.5),
            ),
            Figure(f"`{daemon} status`", clock[f"{daemon} status"], "s"),
            Figure(f"first poll of `{daemon} run` after exec", clock[f"{daemon} poll"], "s", Target(most=1.5)),
            Figure(f"CPU of `{daemon} run` until its first poll", cpu[f"{daemon} poll"], "s"),
        )
    ]
    words = (
        f"{rounds} rounds in turn, medians; where no CPU is named, by the clock, to which other work of the machine"
        f' adds. The bare imports are `python -c "{_IMPORTS}"`, {cpu["imports"]:.2f} s of CPU.'
    )
    return Result("Start", words, figures)


def _first_poll(site: Site, daemon: str, environment: dict[str, str]) -> tuple[float, float]:
    """Return the CPU seconds and the seconds from exec until the daemon asked MESH for the first time."""
    log = site.directory / "start.log"
    log.unlink(missing_ok=True)
    with _Listener() as mesh:
        begun = time.monotonic()
        with running([BIN / daemon, "run"], environment | {"MESH_URL": mesh.url}, log) as process:
            wait_until(mesh.asked.is_set, every=0.005)
            return cpu_of(process.pid), time.monotonic() - begun


class _Listener:
    """A MESH that has nothing for anybody, and notes when it is asked for an inbox."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self.asked))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answering(asked: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()
            asked.set()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            body = b'{"messages": [], "links": {}}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
