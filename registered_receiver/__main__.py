"""``registered-receiver``: settings, wiring and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registered_receiver import NAME
from registered_receiver.commands import add_receiver_commands
from registered_receiver.harness_command import add_harness_command
from shared.audit_commands import add_audit_command
from shared.cli import Commands, env_file_option, environment
from shared.common_commands import add_common_commands
from shared.web.commands import add_web_commands

if TYPE_CHECKING:
    from registered_receiver.app import Receiver
    from shared.web.site import Site

_STATUS_COLUMNS = {
    "mesh_message_id": "MESH message",
    "received_at": "received",
    "state": "state",
    "infrastructure_code": "infra",
    "business_code": "business",
    "diagnostics": "diagnostics",
}


def open_receiver() -> Receiver:
    """Wire the daemon from this process's environment."""
    from registered_receiver.app import Receiver
    from registered_receiver.settings import ReceiverSettings
    from shared.config import load

    environ, env_file = environment()
    return Receiver(load(ReceiverSettings, environ, env_file))


def _site(receiver: Receiver) -> Site[Receiver]:
    from registered_receiver.web.site import site

    return site(receiver)


@click.group(NAME, cls=Commands, params=[env_file_option()])
@click.version_option(package_name="gp-federated-consultation")
def main() -> None:
    """Receive federated consultation reports over NHS MESH, answer them and put them on the worklist.

    \b
    A first start:
      registered-receiver --env-file receiver.env check     what is wrong with the settings
      registered-receiver --env-file receiver.env migrate   create the database
      registered-receiver --env-file receiver.env patients import patients.csv
      registered-receiver --env-file receiver.env run       the daemon

    \b
    Every day:
      registered-receiver tasks                     the worklist
      registered-receiver tasks export ID --to DIR  the report and its attachments
      registered-receiver reviews                   near misses that a person must decide
      registered-receiver alerts                    what went wrong
    """  # noqa: D301 - click reads the backspace


add_common_commands(main, NAME, open_receiver, _STATUS_COLUMNS)
add_receiver_commands(main, open_receiver)
add_audit_command(main, NAME, open_receiver)
add_harness_command(main)
add_web_commands(main, NAME, open_receiver, _site)

if __name__ == "__main__":
    main()
