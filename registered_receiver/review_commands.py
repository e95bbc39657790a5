"""The commands by which a person decides near misses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from registered_receiver import NAME
from shared.cli import REASON, Commands, opened
from shared.errors import CommandFailed

if TYPE_CHECKING:
    from registered_receiver.app import Receiver
    from registered_receiver.desk import Desk
    from registered_receiver.tables import Message, Review

OpenReceiver: TypeAlias = Callable[[], "Receiver"]

_SHOWN: Final = {
    "nhs_number": "NHS number",
    "family": "family name",
    "birth_date": "birth date",
    "given": "given names",
    "status": "status",
    "left_on": "left on",
    "died_on": "died on",
    "agrees": "agrees",
}


def add_review_commands(commands: Commands, open_receiver: OpenReceiver) -> None:
    """Give ``commands`` the group ``reviews``."""

    @commands.group("reviews", invoke_without_command=True)
    @click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
    @click.pass_context
    def group(ctx: click.Context, as_json: bool) -> None:
        """List the reports whose patient was nearly found; `reviews match` and `reject` decide one."""
        from registered_receiver import records
        from shared.presentation import print_json

        if ctx.invoked_subcommand is not None:
            return
        with opened(open_receiver, NAME) as receiver:
            if as_json:
                print_json([records.review_json(review) for review in receiver.desk.reviews()])
                return
            waiting = receiver.desk.reviews_in_full()
        for review in waiting:
            _print_review(review)
        if not waiting:
            click.echo("no reviews")

    _add_showing(group, open_receiver)
    _add_deciding(group, open_receiver)


def _add_showing(group: click.Group, open_receiver: OpenReceiver) -> None:
    @group.command()
    @click.argument("review_id", metavar="ID")
    @click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
    def show(review_id: str, as_json: bool) -> None:
        """Show one review, the report beside the candidates; a decided one, too: who decided what, and why."""
        from shared.presentation import print_json

        with opened(open_receiver, NAME) as receiver:
            row = receiver.desk.review(review_id)
        if as_json:
            print_json(row)
            return
        _print_review(row)


def _add_deciding(group: click.Group, open_receiver: OpenReceiver) -> None:
    @group.command()
    @click.argument("review_id", metavar="ID")
    @click.option("--candidate", type=click.IntRange(1), help="The number of the candidate who is the patient.")
    @click.option("--nhs-number-stdin", is_flag=True, help="Read the patient's NHS number from standard input.")
    @click.option("--reason", type=REASON, help="Why it is this patient; it is kept, so no patient data.")
    def match(review_id: str, candidate: int | None, nhs_number_stdin: bool, reason: str | None) -> None:
        """File the report with the patient who is meant, and answer the sender.

        The decision covers every version of the consultation that gives the same demographics.
        """
        from registered_receiver import reviews

        if (candidate is None) != nhs_number_stdin:
            raise click.UsageError("give either --candidate or --nhs-number-stdin")

        # before the transaction: a person types slowly, and the daemon must not wait for them
        typed = _typed_number() if nhs_number_stdin else ""

        def choose(review: Review) -> str:
            return typed if candidate is None else reviews.candidate_number(review, candidate)

        _decide(open_receiver, lambda desk: desk.match(review_id, choose, reason))

    @group.command()
    @click.argument("review_id", metavar="ID")
    @click.option("--reason", type=REASON, required=True, help="Why nobody here is meant; kept, so no patient data.")
    def reject(review_id: str, reason: str) -> None:
        """Answer the sender that the patient is not known here (30002)."""
        _decide(open_receiver, lambda desk: desk.reject(review_id, reason))


def _decide(open_receiver: OpenReceiver, decide: Callable[[Desk], list[Message]]) -> None:
    with opened(open_receiver, NAME) as receiver:
        for message in decide(receiver.desk):
            click.echo(f"message {message.mesh_message_id} is {message.state}, answered {message.business_code}")


def _typed_number() -> str:
    from shared.identifiers import NhsNumber

    try:
        return NhsNumber(sys.stdin.readline().strip())
    except ValueError as error:
        raise CommandFailed(f"what was typed {error}") from None


def _print_review(row: Mapping[str, Any]) -> None:
    from shared.presentation import print_table, printable

    click.echo(f"review {row['review_id']} since {row['opened_at']}, MESH message {row['mesh_message_id']}")
    click.echo(f"consultation {row['consultation_id']} of {row['sender_ods_code'] or 'a practice that is not shown'}")
    # a column for each, so that what must be compared stands side by side
    who = {"the report says": row["message_facts"]}
    who |= {f"candidate {each['candidate']}": _candidate_line(each) for each in row["candidates"]}
    headings = {"fact": ""} | {name: name for name in who}
    facts = [
        {"fact": heading} | {name: says.get(fact) for name, says in who.items()} for fact, heading in _SHOWN.items()
    ]
    print_table(facts, headings, "")
    if not row["candidates"]:
        click.echo("nobody in the patient index fits any more")
    if row["decided_at"] is not None:
        whom = f"the patient is {row['nhs_number']}" if row["nhs_number"] else "nobody here is meant"
        why = f": {printable(row['reason'])}" if row["reason"] else ""
        click.echo(f"decided at {row['decided_at']} by {row['decided_by']}: {whom}{why}")
    click.echo()


def _candidate_line(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {**shown, "agrees": ", ".join(_SHOWN[fact] for fact in shown["agrees"])}
