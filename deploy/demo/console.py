"""The commands of one practice, run in this process, which saves each the start of a process."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from federated_sender.__main__ import main as sender_command
from federated_sender.settings import SenderSettings
from registered_receiver.__main__ import main as receiver_command
from registered_receiver.settings import ReceiverSettings

Row = dict[str, Any]
_COMMANDS: Final = {"federated-sender": sender_command, "registered-receiver": receiver_command}


@dataclass(frozen=True)
class Console:
    """One practice's ``command``, by its name, with the settings of its daemon. One call at a time."""

    command: str
    env_file: Path

    def run(self, *arguments: str) -> str:
        """Run a command and return what it prints; raises what click raises when it fails."""
        printed = io.StringIO()
        words = ["--env-file", str(self.env_file), *arguments]
        with _without_settings(), redirect_stdout(printed), redirect_stderr(io.StringIO()):
            status = _COMMANDS[self.command].main(words, prog_name=self.command, standalone_mode=False)
        if status:
            raise click.ClickException(f"it ended with {status}")
        return printed.getvalue()

    def rows(self, *arguments: str) -> list[Row]:
        """Return the list that a command prints as JSON."""
        found: list[Row] = json.loads(self.run(*arguments, "--json"))
        return found


@contextmanager
def _without_settings() -> Iterator[None]:
    """Hide the settings of anybody's own daemon: those of the file are meant."""
    names = (SenderSettings.names() | ReceiverSettings.names()) & os.environ.keys()
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)
