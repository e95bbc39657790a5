"""The command ``audit``, which both daemons have."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from shared.cli import Commands, OpenApp, opened

_COLUMNS = {
    "at": "time",
    "user": "who",
    "action": "what",
    "subject_id": "record",
    "nhs_number": "NHS number",
    "reason": "reason",
}


def add_audit_command(commands: Commands, name: str, open_app: OpenApp) -> None:
    """Give ``commands`` the list of who looked at, took out, decided or closed what; to read it is audited, too."""

    @commands.command("audit")
    @click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
    @click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]), help="Only since.")
    @click.option("--subject", "subject_id", metavar="ID", help="Only about this task, message, review or alert.")
    @click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="At most; 0 is all.")
    def audit(as_json: bool, since: datetime | None, subject_id: str | None, limit: int) -> None:
        """List who looked at, took out, completed, decided or closed what, newest first."""
        from shared.audit import actor
        from shared.presentation import audit_json, print_json, print_table

        moment = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
        with opened(open_app, name) as app, app.database.transaction() as session:
            rows = [
                audit_json(entry)
                for entry in app.audit.listing(session, since=moment, subject_id=subject_id, limit=limit)
            ]
            app.audit.record(session, actor(), "audit_listed", app.clock(), subject_id=subject_id)
        if as_json:
            print_json(rows)
            return
        print_table(rows, _COLUMNS, "nothing was done yet")
