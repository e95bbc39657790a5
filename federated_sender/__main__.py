"""``federated-sender``: the command line."""

from __future__ import annotations

from pathlib import Path

import click

from federated_sender.app import NAME, Sender
from federated_sender.enqueue import enqueue as put_in_outbox
from federated_sender.settings import SenderSettings
from shared.cli import Commands, add_common_commands, env_file_option, environment, opened, operator
from shared.config import load
from shared.errors import InvalidConsultation


def open_sender() -> Sender:
    """Wire the daemon from this process's environment."""
    environ, env_file = environment()
    return Sender(load(SenderSettings, environ, env_file))


@click.group(NAME, cls=Commands, params=[env_file_option()])
@click.version_option(package_name="gp-federated-consultation")
def main() -> None:
    """Report consultations of patients of other practices to their registered practice, over NHS MESH.

    \b
    A first start:
      federated-sender --env-file sender.env check      what is wrong with the settings
      federated-sender --env-file sender.env migrate    create the database
      federated-sender --env-file sender.env enqueue consultation.json
      federated-sender --env-file sender.env run        the daemon
    """  # noqa: D301 - click reads the backspace


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def enqueue(files: tuple[Path, ...]) -> None:
    """Put the consultations of JSON FILES in the outbox; a known consultation is updated.

    All of them or none: with any fault nothing is stored, and every fault is named with its path.
    """
    with opened(open_sender, NAME) as sender:
        try:
            outcomes = put_in_outbox(files, sender.intake, operator())
        except InvalidConsultation as error:
            lines = "\n".join(f"  {fault}" for fault in error.faults)
            raise click.ClickException(f"nothing was stored:\n{lines}") from None
        for identifier, outcome in outcomes:
            click.echo(f"{identifier}: {outcome.value}")


add_common_commands(
    main,
    NAME,
    open_sender,
    {
        "report_id": "report",
        "version": "v",
        "state": "state",
        "reason": "reason",
        "infrastructure_code": "infra",
        "business_code": "business",
        "overdue": "overdue",
    },
)

if __name__ == "__main__":
    main()
