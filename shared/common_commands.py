"""The commands that both daemons have: running, setting up, looking, and dealing with alerts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

import click

from shared.cli import REASON, App, Commands, OpenApp, environment, opened, operator
from shared.errors import CommandFailed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.daemon import Rounds
    from shared.heartbeat import Backlog

VERSION = "0.1.0"


def add_common_commands(commands: Commands, name: str, open_app: OpenApp, columns: Mapping[str, str]) -> None:
    """Give ``commands`` what both daemons have; ``columns`` are those of the table that ``status`` prints."""
    _add_running(commands, name, open_app)
    _add_setting_up(commands, open_app)
    _add_status(commands, name, open_app, columns)
    _add_show(commands, name, open_app)
    _add_alerts(commands, name, open_app)


def _add_running(commands: Commands, name: str, open_app: OpenApp) -> None:
    @commands.command()
    def run() -> None:
        """Run the daemon until SIGTERM or SIGINT; a running step is finished first."""
        from shared.daemon import run_until_stopped, stopping_signals_blocked
        from shared.heartbeat import Heartbeat
        from shared.service import ServiceManager

        with stopping_signals_blocked(), opened(open_app, name, works=True) as app:
            rounds, service = app.rounds(), ServiceManager(environment()[0])
            every = app.settings.heartbeat_interval
            heartbeat = Heartbeat(every, app.clock, rounds.vitals.late, service, lambda: _backlog(app))
            with _metrics(app, rounds):
                run_until_stopped(app.jobs(), rounds, VERSION, app.stopping, heartbeat)

    @commands.command()
    def once() -> None:
        """Do every job in turn until nothing more is due, then end.

        Exit status 1 when MESH or the database was not reached; whatever was decided about records, 0.
        """
        from shared.daemon import run_once

        with opened(open_app, name, works=True) as app:
            if not run_once(app.jobs(), app.rounds()):
                raise CommandFailed("not everything could be reached; the log lines above say what")


def _add_setting_up(commands: Commands, open_app: OpenApp) -> None:
    @commands.command()
    def health() -> None:
        """Ask the running daemon's METRICS_ADDRESS whether every job succeeded in its time; for containers."""
        from shared.health import ask_health

        with closing(open_app()) as app:
            address = app.settings.metrics_address
        if address is None:
            raise CommandFailed("METRICS_ADDRESS is not set: the daemon tells nobody how it is")
        well, words = ask_health(*address)
        if not well:
            raise CommandFailed(words)
        click.echo(words)

    @commands.command()
    def migrate() -> None:
        """Create the database, or upgrade it to this version's schema."""
        with closing(open_app()) as app:
            click.echo(f"the database is at schema {app.database.migrate()}")

    @commands.command()
    @click.option("--online", is_flag=True, help="Also contact MESH, and whatever else is set up.")
    def check(online: bool) -> None:
        """Look at settings, database, directories, clock and libraries; say what to do about each fault."""
        from shared.checks import secret_checks
        from shared.config import secret_files

        bad = 0
        with closing(open_app()) as app:
            secrets = secret_checks(secret_files(type(app.settings), *environment()))
            for item in chain(app.checks(online=online), secrets):
                bad += not item.ok
                click.echo(f"{'ok ' if item.ok else 'BAD'} {item.subject}: {item.text}")
        if bad:
            raise CommandFailed(f"{bad} of the checks failed")


def _backlog(app: App) -> Backlog:
    with app.database.snapshot() as session:
        return app.backlog(session)


def _metrics(app: App, rounds: Rounds) -> AbstractContextManager[object]:
    """Open the endpoint when one is wished for; its library is imported only then."""
    address = app.settings.metrics_address
    if address is None:
        return nullcontext()
    from shared.metrics import Figures, endpoint

    def counts() -> Mapping[str, int]:
        with app.database.snapshot() as session:
            return app.counts(session)

    return endpoint(address, Figures(app.clock, rounds.vitals, lambda: _backlog(app), counts, app.latencies))


def _add_status(commands: Commands, name: str, open_app: OpenApp, columns: Mapping[str, str]) -> None:
    @commands.command()
    @click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
    @click.option("--state", help="Only records in this state.")
    @click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]), help="Only changed since.")
    @click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="At most; 0 is all.")
    def status(as_json: bool, state: str | None, since: datetime | None, limit: int) -> None:
        """List the records, newest first."""
        from shared.presentation import print_json, print_table

        moment = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
        with opened(open_app, name) as app, app.database.snapshot() as session:
            if state is not None and state not in app.states:
                raise click.BadParameter(f"{state} is none of {', '.join(app.states)}", param_hint="--state")
            rows = app.status(session, state=state, since=moment, limit=limit)
            counts = app.counts(session)
        if as_json:
            print_json(rows)
            return
        if counts:
            click.echo(", ".join(f"{number} {name}" for name, number in counts.items()) + "\n")
        print_table(rows, columns, "no records")


def _add_show(commands: Commands, name: str, open_app: OpenApp) -> None:
    @commands.command()
    @click.argument("identifier", metavar="ID")
    @click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
    def show(identifier: str, as_json: bool) -> None:
        """Show one record and everything that happened to it."""
        from tabulate import tabulate

        from shared.presentation import code_meanings, print_json, print_table, timeline_json

        with opened(open_app, name) as app, app.database.snapshot() as session:
            record, timeline = app.record(session, identifier)
            lines = [timeline_json(entry) for entry in timeline]
        codes = code_meanings(record, lines)
        if as_json:
            print_json({"record": record | {"codes": codes}, "timeline": lines})
            return
        click.echo(tabulate([[k, v] for k, v in record.items() if v not in (None, [])], tablefmt="plain"))
        click.echo()
        columns = ("event", "from", "to", "code", "by", "detail")
        headings = {"at": "time"} | {name: name for name in columns}
        print_table([{"detail": None} | line for line in lines], headings, "nothing happened yet")
        for each in codes:
            click.echo(f"\n{each['code']}: {each['means']}\n  who usually acts: {each['who']}")
            click.echo(f"  next step: {each['next_step']}")

    @commands.command()
    @click.argument("identifier", metavar="ID")
    def retry(identifier: str) -> None:
        """Take a parked record back, so that the daemon works on it again."""
        with opened(open_app, name) as app, app.database.transaction() as session:
            app.retry(session, identifier, operator())
            _audit(app, session, "record_retried", identifier)
        click.echo(f"{identifier} will be worked on again")


def _audit(app: App, session: Session, action: str, subject_id: str, reason: str | None = None) -> None:
    from shared.audit import actor

    app.audit.record(session, actor(), action, app.clock(), subject_id=subject_id, reason=reason)


def _add_alerts(commands: Commands, name: str, open_app: OpenApp) -> None:
    @commands.group(invoke_without_command=True)
    @click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
    @click.pass_context
    def alerts(ctx: click.Context, as_json: bool) -> None:
        """List what a person must look at, OPEN or closed, newest first; `alerts close` settles one."""
        from shared.presentation import alert_json, print_json

        if ctx.invoked_subcommand is not None:
            return
        with opened(open_app, name) as app, app.database.snapshot() as session:
            rows = [alert_json(alert) for alert in app.alerts.listing(session)]
        if as_json:
            print_json(rows)
            return
        for row in rows:
            head = "closed" if row["closed_at"] else "OPEN"
            click.echo(f"{head} {row['kind']} {row['alert_id']} since {row['opened_at']}\n  {row['text']}")
            click.echo(f"  what to do: {row['action']}\n")
        if not rows:
            click.echo("no alerts")

    @alerts.command("close")
    @click.argument("alert_id")
    @click.option("--reason", type=REASON, required=True, help="Why it is settled; kept with the alert.")
    def close(alert_id: str, reason: str) -> None:
        """Close an alert by hand."""
        with opened(open_app, name) as app, app.database.transaction() as session:
            app.alerts.close_by_id(session, alert_id, now=app.clock(), by=operator(), reason=reason)
            _audit(app, session, "alert_closed", alert_id, reason)
        click.echo(f"alert {alert_id} is closed")
