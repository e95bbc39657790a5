"""Starts victims quickly: a process that has everything imported already and forks one for each line it is told.

A line on its standard input is JSON: ``{"daemon", "arguments", "environ", "log"}``; it answers ``{"pid"}`` at once, and
``{"pid", "status"}`` when that process is over. It ends, and its children with it, when its input does.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import re
import select
import signal
import sys
import traceback
from typing import Any

import federated_sender
import registered_receiver
import shared

# what no victim does
_LEFT_OUT = re.compile(r"\.(migrations|web|harness|mesh_folder)")
_PARENT_DEATH_SIGNAL = 1


def _become(order: dict[str, Any]) -> None:
    """Be the victim: what follows never returns to the loop."""
    status = 70
    try:
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number, target in ((0, nothing), (1, log), (2, log)):
            os.dup2(target, number)
        os.environ.clear()
        os.environ.update(order["environ"])
        from tests.chaos.victim import main

        main(order["daemon"], *order["arguments"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _tell(fact: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


def _reap(living: set[int]) -> None:
    for pid in list(living):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            living.discard(pid)
            _tell({"pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _make_ready() -> None:
    """Load for the children whatever takes time: the daemons, and what prints the first report."""
    for package in (federated_sender, registered_receiver, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not _LEFT_OUT.search(module.name):
                importlib.import_module(module.name)
    importlib.import_module("tests.chaos.victim")
    from federated_sender.layout import print_pdf

    print_pdf("<html lang=en-GB><title>Warm</title><p>Warm, <b>bold</b>, <i>italic</i>")


def main() -> None:
    """Fork as told until the input ends."""
    _make_ready()

    living: set[int] = set()
    pending = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.02)
        _reap(living)
        if not readable:
            continue
        data = os.read(0, 65_536)
        if not data:
            break
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            pid = os.fork()
            if pid == 0:
                _become(json.loads(line))
            living.add(pid)
            _tell({"pid": pid})
    for pid in living:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
