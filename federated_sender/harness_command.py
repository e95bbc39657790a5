"""``federated-sender harness``: the synthetic sender as a command."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from shared.cli import Commands
from shared.errors import CommandFailed

if TYPE_CHECKING:
    from federated_sender.harness_run import Outside

_FILE: Final = click.Path(path_type=Path)


class _Within(click.ParamType[timedelta]):
    """A duration as the settings have it."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration; refuse what is none, or nothing."""
        import isodate

        try:
            duration = isodate.parse_duration(value)
        except (isodate.ISO8601Error, ValueError):
            duration = None
        if not isinstance(duration, timedelta) or duration <= timedelta(0):
            self.fail("must be an ISO 8601 duration such as PT30M", param, ctx)
        return duration


def add_harness_command(commands: Commands, world: Outside | None = None) -> None:
    """Give ``commands`` the synthetic sender; ``world`` is a test's own."""

    @commands.command("harness")
    @click.option("--patient", type=_FILE, help="JSON of a synthetic patient, as in a consultation.")
    @click.option("--to", metavar="MAILBOX", help="Send to this mailbox; else MESH finds it by the patient.")
    @click.option("--only", multiple=True, metavar="NAME", help="Only this exemplar; may be given again.")
    @click.option("--all", "every", is_flag=True, help="Every way to break a rule, not one for each rule.")
    @click.option("--list", "listing", is_flag=True, help="Print the names of the exemplars, and end.")
    @click.option("--business", default="30001", show_default=True, help="The business response for the patient.")
    @click.option("--within", type=_Within(), default="PT1H", show_default=True, help="How long a response may take.")
    @click.option(
        *("--too-large", "too_large"),
        type=click.IntRange(1_000_000),
        default=20_100_000,
        show_default=True,
        help="Bytes that are more than the other system takes.",
    )
    @click.option("--html", type=_FILE, help="Also write the report to this file, as a page.")
    @click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
    @click.option("--payload", type=click.Choice(["task", "document"]), help="Else what PAYLOAD says.")
    @click.option("--allow-host", metavar="HOST", help="Work on this MESH although it is no known test environment.")
    def harness(**options: Any) -> None:
        """Post exemplars to another supplier's system, and report whether its responses conform.

        Good messages, and for each rule of the receiver one that breaks it, all about one synthetic patient whom that
        system knows, at the practice that the patient's registered_practice_ods_code names in FEDERATION_FILE. Exit
        status 0 when every exemplar was answered as it must be.

        Responses to other messages stay in MESH, but the daemon on the same mailbox would collect those to the
        exemplars: stop it first, or use a mailbox of its own.
        """
        # only here: no other command needs all that
        from federated_sender import harness_run

        wishes = harness_run.Wishes(**options)
        if wishes.listing:
            for entry in harness_run.listed(wishes):
                click.echo(f"{entry.name}: {entry.what}")
            return
        document = harness_run.run(wishes, world or harness_run.outside())
        harness_run.show(document, wishes)
        if not document["conforms"]:
            raise CommandFailed("not every exemplar was answered as it must be")
