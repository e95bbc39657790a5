"""The commands by which a person decides near misses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import click
from sqlalchemy.orm import Session

from registered_receiver import records, reviews
from registered_receiver.app import NAME, OpenReceiver
from registered_receiver.deciding import Decider
from registered_receiver.tables import Message, Review
from shared.cli import Commands, opened, operator
from shared.errors import CommandFailed
from shared.identifiers import NhsNumber
from shared.presentation import print_json, print_table

_SHOWN: Final = ("candidate", "nhs_number", "family", "given", "birth_date", "status", "left_on", "died_on", "agrees")


def add_review_commands(commands: Commands, open_receiver: OpenReceiver) -> None:
    """Give ``commands`` the group ``reviews``."""

    @commands.group("reviews", invoke_without_command=True)
    @click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
    @click.pass_context
    def group(ctx: click.Context, as_json: bool) -> None:
        """List the reports whose patient was nearly found; `reviews match` and `reject` decide one."""
        if ctx.invoked_subcommand is not None:
            return
        with opened(open_receiver, NAME) as receiver, receiver.database.snapshot() as session:
            rows = [records.review_json(review) for review in reviews.listing(session)]
        if as_json:
            print_json(rows)
            return
        for row in rows:
            _print_review(row)
        if not rows:
            click.echo("no reviews")

    _add_deciding(group, open_receiver)


def _add_deciding(group: click.Group, open_receiver: OpenReceiver) -> None:
    @group.command()
    @click.argument("review_id", metavar="ID")
    @click.option("--candidate", type=click.IntRange(1), help="The number of the candidate who is the patient.")
    @click.option("--nhs-number-stdin", is_flag=True, help="Read the patient's NHS number from standard input.")
    def match(review_id: str, candidate: int | None, nhs_number_stdin: bool) -> None:
        """File the report with the patient who is meant, and answer the sender.

        The decision covers every version of the consultation that gives the same demographics.
        """
        if (candidate is None) != nhs_number_stdin:
            raise click.UsageError("give either --candidate or --nhs-number-stdin")

        # before the transaction: a person types slowly, and the daemon must not wait for them
        typed = _typed_number() if nhs_number_stdin else ""

        def choose(review: Review) -> str:
            return typed if candidate is None else reviews.candidate_number(review, candidate)

        _decide(open_receiver, lambda decider, session: decider.match(session, review_id, choose))

    @group.command()
    @click.argument("review_id", metavar="ID")
    @click.option("--reason", required=True, help="Why nobody here is meant; it is kept, so no patient data.")
    def reject(review_id: str, reason: str) -> None:
        """Answer the sender that the patient is not known here (30002)."""
        _decide(open_receiver, lambda decider, session: decider.reject(session, review_id, reason))


def _decide(open_receiver: OpenReceiver, decide: Callable[[Decider, Session], list[Message]]) -> None:
    with opened(open_receiver, NAME) as receiver:
        decider = Decider(receiver.practice, receiver.clock(), operator())
        with receiver.database.transaction() as session:
            settled = decide(decider, session)
        for message in settled:
            click.echo(f"message {message.mesh_message_id} is {message.state}, answered {message.business_code}")


def _typed_number() -> str:
    try:
        return NhsNumber(sys.stdin.readline().strip())
    except ValueError as error:
        raise CommandFailed(f"what was typed {error}") from None


def _print_review(row: Mapping[str, Any]) -> None:
    click.echo(f"review {row['review_id']} since {row['opened_at']}, MESH message {row['mesh_message_id']}")
    lines = [row["message_facts"] | {"candidate": "the report says"}]
    lines += [shown | {"agrees": ", ".join(shown["agrees"])} for shown in row["candidates"]]
    headings = {name: "" if name == "candidate" else name for name in _SHOWN}
    print_table([{name: line.get(name) for name in _SHOWN} for line in lines], headings, "no candidates")
    click.echo()
