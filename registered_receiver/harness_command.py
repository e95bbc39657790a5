"""``registered-receiver harness``: the synthetic receiver as a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import click

from shared.cli import Commands, environment
from shared.errors import CommandFailed, MeshError

if TYPE_CHECKING:
    from registered_receiver.harness import Line, ReceiverHarness
    from registered_receiver.settings import ReceiverSettings
    from shared.mesh.inbox import Collector
    from shared.mesh.mailbox import MeshMailbox

OpenMailbox = Callable[["ReceiverSettings"], "MeshMailbox"]


def open_mailbox(settings: ReceiverSettings) -> MeshMailbox:
    """Return a client of the mailbox that the settings describe."""
    from shared.clock import system_clock
    from shared.connect import open_quietly

    return open_quietly(settings, system_clock)


def add_harness_command(commands: Commands, opener: OpenMailbox = open_mailbox) -> None:
    """Give ``commands`` the synthetic receiver."""

    @commands.command("harness")
    @click.option("--once", is_flag=True, help="Answer what lies in the mailbox now, and end.")
    @click.option(
        "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of a line."
    )
    @click.option("--allow-host", metavar="HOST", help="Work on this MESH although it is no known test environment.")
    def harness(once: bool, style: str, allow_host: str | None) -> None:
        """Answer messages as they ask for it, and file nothing: a synthetic receiver to try a sender against.

        The first given name of the patient, else of the practitioner, that is one of these decides the responses:

        \b
          a response code, such as 20009 or 30002   that code alone
          IB001, IB002, IB003, IB004                20013, then 30001, 30002, 30003 or 30004
          invrep                                    a response with a code that does not exist
          noresponse                                nothing

        Else each level that the message asks for gets its good news, 20013 and 30001. One line is printed for each
        message. Never let it work on a mailbox that the daemon, or anybody who waits for real reports, uses.
        """  # noqa: D301 - click reads the backspace
        # only here: no other command needs them
        from registered_receiver.settings import ReceiverSettings
        from shared.config import load
        from shared.harness.guard import require_test_environment

        settings = load(ReceiverSettings, *environment())
        require_test_environment(settings.mesh_url, settings.mesh_mailbox_id, allow_host)
        _work(settings, opener, once=once, as_json=style == "json")


def _work(settings: ReceiverSettings, opener: OpenMailbox, *, once: bool, as_json: bool) -> None:
    from shared.daemon import stopping_signals_blocked
    from shared.harness.pace import is_ending, pause

    def tell(line: Line) -> None:
        from registered_receiver.harness import words

        click.echo(json.dumps(line) if as_json else words(line))

    with stopping_signals_blocked(), closing(opener(settings)) as client:
        collector = _harness(settings, client, tell).collector()
        well = _round(collector, is_ending)
        while not once and pause(settings.mesh_poll_interval.total_seconds()):
            _round(collector, is_ending)
    if once and not well:
        raise CommandFailed("not every message could be answered; the lines above say why")


def _harness(settings: ReceiverSettings, client: MeshMailbox, tell: Callable[[Line], None]) -> ReceiverHarness:
    from registered_receiver.harness import ReceiverHarness
    from registered_receiver.replies import Responder
    from shared.clock import system_clock

    return ReceiverHarness(
        client,
        system_clock,
        Responder(settings.practice_ods_code, settings.mesh_mailbox_id),
        settings.workflows,
        settings.max_message_size,
        tell,
    )


def _round(collector: Collector, stopping: Callable[[], bool]) -> bool:
    """Go through the mailbox once and say whether all went well; what did not comes again in the next round."""
    try:
        failures = collector.collect(stopping).failures
    except MeshError as error:
        click.echo(f"MESH: {error}", err=True)
        return False
    for message_id, failure in failures:
        click.echo(f"{message_id}: {failure}", err=True)
    return not failures
