"""The frame of both daemons' command line: settings, exit codes, and what a wired daemon offers to the commands.

Whatever is heavy is imported where a command needs it: ``--help`` and a short look must not wait for all of it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from shared import core_dumps, large_blocks, log
from shared.errors import ConfigurationError, MessagingError
from shared.log import describe

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.alerts import AlertBook
    from shared.audit import AuditBook
    from shared.checks import Check
    from shared.clock import Clock
    from shared.config import PracticeSettings
    from shared.daemon import Job, Rounds
    from shared.db import Database
    from shared.heartbeat import Backlog
    from shared.tables import TimelineColumns
    from shared.vitals import Latencies

EXIT_CONFIGURATION = 78


class UnusableSettings(click.ClickException):
    """Shows every bad setting on a line of its own and ends with exit status 78."""

    exit_code = EXIT_CONFIGURATION

    def __init__(self, error: ConfigurationError) -> None:
        lines = "\n".join(f"  {fault}" for fault in error.faults)
        super().__init__(f"the settings cannot be used:\n{lines}")


class Commands(click.Group):
    """A group whose commands all take ``--env-file`` and whose errors are words, not tracebacks."""

    group_class = type

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add ``cmd`` and let it take ``--env-file`` behind its name, too."""
        cmd.params.append(env_file_option())
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn expected errors into exit codes."""
        core_dumps.forbid()
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise UnusableSettings(error) from None
        except MessagingError as error:
            raise click.ClickException(str(error)) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - a traceback could quote patient data
            raise click.ClickException(_in_words(error)) from None


def _in_words(error: Exception) -> str:
    from sqlalchemy.exc import DBAPIError

    from shared.db import driver_words

    if isinstance(error, DBAPIError):
        return f"the database cannot be used: {driver_words(error)}"
    return f"an unforeseen error, please report it: {describe(error)}"


class _Reason(click.ParamType[str]):
    """A text that says something; it is kept, so it is asked for in earnest."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text without white space around it; refuse one that is nothing else."""
        if not value.strip():
            self.fail("must not be empty", param, ctx)
        return value.strip()


REASON = _Reason()


def env_file_option() -> click.Option:
    """Return the option ``--env-file``, which any position of the command line takes."""

    def remember(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
        if value is not None:
            ctx.find_root().meta["env_file"] = value

    return click.Option(
        ["--env-file"],
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=remember,
        help="Settings, one NAME=value a line; the environment beats it.",
    )


def environment() -> tuple[Mapping[str, str], Path | None]:
    """Return this process's environment and the file that ``--env-file`` named."""
    return os.environ, click.get_current_context().find_root().meta.get("env_file")


def operator() -> str:
    """Return who runs the command, for the timeline: the operating system's user."""
    from shared.audit import actor

    return actor().name


class App(Protocol):
    """What a wired daemon offers to the common commands."""

    database: Database
    clock: Clock
    latencies: Latencies
    stopping: threading.Event

    @property
    def settings(self) -> PracticeSettings:
        """The settings that both daemons have."""

    @property
    def alerts(self) -> AlertBook[Any]:
        """What a person must look at."""

    @property
    def audit(self) -> AuditBook[Any]:
        """Who looked at, took out, decided or closed what."""

    @property
    def states(self) -> Sequence[str]:
        """The states that a record may be in."""

    def jobs(self) -> Sequence[Job]:
        """Return the jobs in the order of ``once``."""

    def rounds(self) -> Rounds:
        """Return what steps the jobs."""

    def status(
        self, session: Session, *, state: str | None, since: datetime | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return the records in the contract's shape, newest first."""

    def counts(self, session: Session) -> dict[str, int]:
        """Return how many records are in each state."""

    def backlog(self, session: Session) -> Backlog:
        """Return what the daemon has before it."""

    def record(self, session: Session, identifier: str) -> tuple[dict[str, Any], Sequence[TimelineColumns]]:
        """Return one record in full with its timeline; raise CommandFailed when there is none."""

    def retry(self, session: Session, identifier: str, by: str) -> None:
        """Take a parked record back; raise CommandFailed when it is not parked."""

    def checks(self, *, online: bool) -> Iterable[Check]:
        """Look at everything that ``check`` reports."""

    def close(self) -> None:
        """Let go of the database, MESH and worker processes."""


OpenApp = Callable[[], App]
AnyApp = TypeVar("AnyApp", bound=App)


@contextmanager
def opened(open_app: Callable[[], AnyApp], name: str, *, works: bool = False) -> Iterator[AnyApp]:
    """Give a wired daemon whose database is at the right schema; raise DatabaseUnusable otherwise.

    Unless it ``works`` as the daemon, only warnings are logged when LOG_LEVEL is not set: a person wants the answer.
    """
    with closing(open_app()) as app:
        if works:
            large_blocks.give_back()
        elif "log_level" not in app.settings.model_fields_set:
            log.configure("warning", app.settings.log_format, name)
        if works:
            # before anything is written: a damaged file must not be half used
            app.database.require_sound()
        app.database.require_schema(name)
        yield app
