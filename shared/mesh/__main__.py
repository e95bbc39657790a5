"""``python -m shared.mesh``: one call to MESH at a time, for operators, with the settings of either daemon."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from shutil import copyfileobj
from typing import Any, Final

import click
from tabulate import tabulate

from shared import log
from shared.cli import Commands, env_file_option, environment
from shared.clock import system_clock
from shared.config import MeshSettings, load
from shared.connect import account_of
from shared.errors import CommandFailed, MeshAmbiguous
from shared.mesh.client import MeshClient
from shared.mesh.folding import GP_PROVIDER, redact
from shared.mesh.messages import IncomingMessage, MessageHeaders, OutgoingMessage
from shared.mesh.observer import Observer
from shared.presentation import print_json, printable, rfc3339

_LARGEST: Final = 1_000_000_000
_MASKED: Final = "***"


class _Clock(Observer):
    """Remembers how far the clock was off."""

    ahead: timedelta | None = None

    def clock_compared(self, ahead: timedelta) -> None:
        self.ahead = ahead


@contextmanager
def _opened(observer: Observer | None = None) -> Iterator[MeshClient]:
    account = account_of(load(MeshSettings, *environment()))
    with MeshClient(account, system_clock, observer=observer) as client:
        yield client


def _as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print as JSON.")(command)


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        rows = [[name, printable(value)] for name, value in document.items() if value is not None]
        click.echo(tabulate(rows, tablefmt="plain", disable_numparse=True))


@click.group("python -m shared.mesh", cls=Commands, params=[env_file_option()])
def main() -> None:
    """Look into one mailbox of MESH and at what was sent from it, with the MESH settings of a daemon's env file.

    Taking a message out of the mailbox (`ack`) takes it away from the daemon, too.
    """
    log.configure("warning", "console", "mesh")


@main.command()
@_as_json
def handshake(as_json: bool) -> None:
    """Prove mailbox id, password, shared key and certificate; tell when the certificates end."""
    clock = _Clock()
    with _opened(clock) as mesh:
        mesh.handshake()
        ends = {expiry.setting: rfc3339(expiry.at) for expiry in mesh.certificate_expiries()}
    ahead = None if clock.ahead is None else round(clock.ahead.total_seconds())
    _show({"mailbox_id": mesh.mailbox_id, "handshake": "ok", "clock_ahead_seconds": ahead, **ends}, as_json)


@main.command("list")
@click.option("--workflow-filter", help="MESH's filter, such as GPFED_CONSULT_REPORT*.")
@_as_json
def list_messages(workflow_filter: str | None, as_json: bool) -> None:
    """List the ids of the messages that wait in the mailbox."""
    with _opened() as mesh:
        message_ids = mesh.list_inbox(workflow_filter)
    if as_json:
        print_json(message_ids)
        return
    for message_id in message_ids:
        click.echo(printable(message_id))


@main.command()
@click.argument("message_id", metavar="ID")
@click.option("--reveal", is_flag=True, help="Also print subject and recipient, which may name a patient.")
@_as_json
def head(message_id: str, reveal: bool, as_json: bool) -> None:
    """Show what a message in the mailbox is, without its content."""
    with _opened() as mesh:
        headers = mesh.head(message_id)
    _show(_described(headers, reveal), as_json)


def _described(headers: MessageHeaders, reveal: bool) -> dict[str, Any]:
    document = {name: value for name, value in asdict(headers).items() if value is not None}
    for name in ("subject", "recipient"):
        if name in document and not reveal:
            document[name] = _MASKED
    return document | {"message_type": str(headers.message_type), "status_at": rfc3339(headers.status_at)}


@main.command()
@click.argument("message_id", metavar="ID")
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="A file that is not there yet.")
@_as_json
def get(message_id: str, target: Path, as_json: bool) -> None:
    """Download a message into a file, which only you may read; it stays in the mailbox."""
    with _opened() as mesh, mesh.download(message_id, _LARGEST) as message:
        if message.truncated:
            raise CommandFailed(f"the message is larger than {_LARGEST} bytes; nothing was written")
        _write(message, target)
        _show(_described(message.headers, reveal=False) | {"file": str(target), "size": message.size}, as_json)


def _write(message: IncomingMessage, target: Path) -> None:
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandFailed(f"{target} cannot be made: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            copyfileobj(message.open(), file)
    except OSError as error:
        with suppress(OSError):
            target.unlink()
        raise CommandFailed(f"{target} cannot be written: {error.strerror}") from None


@main.command()
@click.argument("message_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
def ack(message_id: str, yes: bool, as_json: bool) -> None:
    """Acknowledge a message: MESH deletes it, and no daemon will ever get it."""
    if not yes:
        click.confirm(
            f"MESH deletes {printable(message_id)} and nobody can download it again. Go on?", abort=True, err=True
        )
    with _opened() as mesh:
        mesh.acknowledge(message_id)
    _show({"message_id": message_id, "acknowledged": True}, as_json)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "to", required=True, help="A mailbox id; - reads the address from the standard input.")
@click.option("--workflow", "workflow_id", required=True, help="The workflow id.")
@click.option("--local-id", required=True, help="Your own id of this message, by which it can be tracked.")
@click.option("--subject", default="", help="Shown to people; other users of this machine see it while this runs.")
@click.option("--content-type", default="application/fhir+xml", show_default=True)
@_as_json
def send(file: Path, to: str, workflow_id: str, local_id: str, subject: str, content_type: str, as_json: bool) -> None:
    """Send FILE once, in chunks when it is very large, and print the id that MESH gave it."""
    if to.upper().startswith(GP_PROVIDER):
        raise click.UsageError("an address of a patient is no argument: give it by `--to -` and the standard input")
    if to == "-":
        to = sys.stdin.readline().strip()
    try:
        with _opened() as mesh, file.open("rb") as body:
            message_id = mesh.send(OutgoingMessage(to, workflow_id, local_id, subject, body, content_type))
    except MeshAmbiguous as error:
        raise CommandFailed(f"{error}; before you send it again, ask `track-local` for its local id") from None
    _show({"message_id": message_id, "local_id": local_id}, as_json)


@main.command()
@click.argument("message_id", metavar="ID")
@_as_json
def track(message_id: str, as_json: bool) -> None:
    """Show what became of a message that this mailbox sent."""
    with _opened() as mesh:
        tracked = mesh.track(message_id)
    _show(asdict(tracked) | {"recipient": tracked.recipient and redact(tracked.recipient)}, as_json)


@main.command()
@click.argument("local_id", metavar="LOCAL_ID")
@_as_json
def track_local(local_id: str, as_json: bool) -> None:
    """Show whether MESH took a message with a local id of yours: never, unfinished, once or several times."""
    with _opened() as mesh:
        tracked = mesh.track_local_id(local_id)
    _show({"local_id": local_id, "taken": str(tracked.taken), "message_id": tracked.message_id}, as_json)


@main.command()
@click.argument("ods_code")
@click.argument("workflow_id")
@_as_json
def lookup(ods_code: str, workflow_id: str, as_json: bool) -> None:
    """List the mailboxes that take a workflow for an organisation."""
    with _opened() as mesh:
        found = [asdict(endpoint) for endpoint in mesh.lookup(ods_code, workflow_id)]
    if as_json:
        print_json(found)
        return
    if not found:
        raise CommandFailed("no mailbox of that organisation takes that workflow")
    for endpoint in found:
        click.echo(f"{printable(endpoint['mailbox_id'])} {printable(endpoint['mailbox_name'])}")


if __name__ == "__main__":
    main()
