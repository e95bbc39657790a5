"""``federated-sender``: the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from federated_sender import NAME
from federated_sender.commands import add_sender_commands
from federated_sender.harness_command import add_harness_command
from shared.audit_commands import add_audit_command
from shared.cli import Commands, env_file_option, environment
from shared.common_commands import add_common_commands
from shared.web.commands import add_web_commands

if TYPE_CHECKING:
    from federated_sender.app import Sender
    from shared.web.site import Site


def open_sender() -> Sender:
    """Wire the daemon from this process's environment."""
    from federated_sender.app import Sender
    from federated_sender.settings import SenderSettings
    from shared.config import load

    environ, env_file = environment()
    return Sender(load(SenderSettings, environ, env_file))


def web_pages(sender: Sender) -> Site[Sender]:
    """Return the web pages; only their own process imports what they stand on."""
    from federated_sender.web.site import site

    return site(sender)


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

    \b
    Every day:
      federated-sender alerts                  what went wrong, and what to do
      federated-sender reconcile day.csv       consultations that never reached the outbox
      federated-sender show ID                 everything that happened to a report
    """  # noqa: D301 - click reads the backspace


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

add_sender_commands(main, open_sender)
add_audit_command(main, NAME, open_sender)
add_harness_command(main)
add_web_commands(main, NAME, open_sender, web_pages)

if __name__ == "__main__":
    main()
