"""The commands that only the sender has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from federated_sender import NAME
from shared.cli import REASON, Commands, opened, operator
from shared.errors import CommandFailed, InvalidConsultation

if TYPE_CHECKING:
    from federated_sender.app import Sender

OpenSender: TypeAlias = Callable[[], "Sender"]
_REASON = click.option("--reason", type=REASON, required=True, help="Why; kept with the record.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


def add_sender_commands(commands: Commands, open_sender: OpenSender) -> None:
    """Give ``commands`` what only the sender has."""
    _add_enqueue(commands, open_sender)
    _add_delete(commands, open_sender)
    _add_again(commands, open_sender)
    _add_route(commands, open_sender)
    _add_reconcile(commands, open_sender)
    _add_export(commands, open_sender)


def _refused(what: str, error: InvalidConsultation) -> click.ClickException:
    lines = "\n".join(f"  {fault}" for fault in error.faults)
    return click.ClickException(f"{what}:\n{lines}")


def _add_enqueue(commands: Commands, open_sender: OpenSender) -> None:
    @commands.command("enqueue")
    @click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
    def enqueue_(files: tuple[Path, ...]) -> None:
        """Put the consultations of JSON FILES in the outbox; a known consultation is updated.

        All of them or none: with any fault nothing is stored, and every fault is named with its path.
        """
        from federated_sender.enqueue import enqueue

        with opened(open_sender, NAME) as sender:
            try:
                outcomes = enqueue(files, sender.intake, operator())
            except InvalidConsultation as error:
                raise _refused("nothing was stored", error) from None
        for identifier, outcome in outcomes:
            click.echo(f"{identifier}: {outcome.value}")


def _add_delete(commands: Commands, open_sender: OpenSender) -> None:
    @commands.command()
    @click.argument("consultation_id", metavar="CONSULTATION_ID")
    @_JSON
    def delete(consultation_id: str, as_json: bool) -> None:
        """Say that the clinical system deleted a consultation.

        Nothing is sent of it that MESH has not yet. Who has a report of it must be told by
        telephone: this prints about whom, and opens an alert. Doing it again prints the same.
        """
        from federated_sender import deletion, ledger, versions
        from federated_sender.deletion_warning import deletion_json, in_words
        from federated_sender.records import nhs_number
        from shared.audit import actor
        from shared.presentation import print_json

        with opened(open_sender, NAME) as sender, sender.database.transaction() as session:
            now, identifier = sender.clock(), versions.canonical(consultation_id.strip())
            stored = deletion.delete(session, consultation_id, now, operator())
            # the warning shows a patient: who saw it is kept, too
            patient = nhs_number(stored[0]) if stored else None
            ledger.AUDIT.record(
                session, actor(), "consultation_deleted", now, subject_id=identifier, nhs_number=patient
            )
            meant = deletion_json(identifier, stored, sender.federation)
        if as_json:
            print_json(meant)
            return
        for line in in_words(meant):
            click.echo(line)


def _add_again(commands: Commands, open_sender: OpenSender) -> None:
    again_option = click.option("--again", is_flag=True, help="Even if it was done within the last 24 hours.")

    @commands.command()
    @click.argument("report_id", metavar="REPORT_ID")
    @_REASON
    @again_option
    def resend(report_id: str, reason: str, again: bool) -> None:
        """Send the same bytes with the same ids once more: a report that is sent, accepted or failed.

        A receiver that has it already answers 20007, which counts as accepted. When the patient was not known there
        (30002, 30003), the same report is not looked at again: `reissue` makes the next version instead.
        """
        from federated_sender import resending

        with opened(open_sender, NAME) as sender, sender.database.transaction() as session:
            report = resending.resend(session, report_id, reason, sender.clock(), operator(), again=again)
            said = f"{report.report_id} will be sent again, as {report.local_id}"
        click.echo(said)

    @commands.command()
    @click.argument("consultation_id", metavar="CONSULTATION_ID")
    @_REASON
    @again_option
    def reissue(consultation_id: str, reason: str, again: bool) -> None:
        """Make the next version from the present row of the outbox, although its content may be the same.

        It takes a deletion back, too.
        """
        from federated_sender import resending

        with opened(open_sender, NAME) as sender:
            try:
                with sender.database.transaction() as session:
                    report = resending.reissue(session, sender.intake, consultation_id, reason, operator(), again=again)
                    said = f"{report.consultation_id}: the next version will be sent, report {report.report_id}"
            except InvalidConsultation as error:
                raise _refused("the row cannot be sent as it is", error) from None
        click.echo(said)


def _add_route(commands: Commands, open_sender: OpenSender) -> None:
    @commands.command()
    @click.argument("consultation_id", metavar="CONSULTATION_ID")
    @click.option("--practice", required=True, metavar="ODS", help="ODS code; must be in FEDERATION_FILE.")
    @_REASON
    def route(consultation_id: str, practice: str, reason: str) -> None:
        """Name the registered practice of a consultation's patient, instead of what the row or PDS says.

        It becomes Task.owner of this and of later versions, until the row itself names another practice than now.
        MESH still routes by NHS number, birth date and surname.
        """
        from federated_sender import routing

        with opened(open_sender, NAME) as sender:
            named = routing.named_practice(practice, sender.settings.practice_ods_code, sender.federation)
            with sender.database.transaction() as session:
                report = routing.route(session, consultation_id, named, reason, sender.clock(), operator())
        if report is None:
            click.echo(f"later versions will go to {named}; `reissue {consultation_id}` makes the next one now")
        else:
            click.echo(f"{consultation_id} will be worked on again, for {named}")


def _add_reconcile(commands: Commands, open_sender: OpenSender) -> None:
    @commands.command("reconcile")
    @click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
    @_JSON
    def reconcile_(file: Path, as_json: bool) -> None:
        """List the consultations of FILE.csv that never reached the outbox; exit status 1 when there are any.

        The file begins with a line that names the column consultation_id; others may stand beside it.
        """
        from federated_sender import reconcile
        from shared.presentation import print_json

        expected = reconcile.read_expected(file)
        with opened(open_sender, NAME) as sender, sender.database.snapshot() as session:
            missing = reconcile.missing(session, expected.identifiers)
        faults = [str(fault) for fault in expected.faults]
        if as_json:
            print_json({"checked": len(expected.identifiers), "missing": missing, "faults": faults})
        else:
            for identifier in missing:
                click.echo(identifier)
            for fault in faults:
                click.echo(f"{file} {fault}", err=True)
        if missing or faults:
            bad = f", {len(faults)} lines cannot be read" if faults else ""
            raise CommandFailed(f"{len(missing)} of {len(expected.identifiers)} never reached the outbox{bad}")
        if not as_json:
            click.echo(f"all {len(expected.identifiers)} reached the outbox")


def _add_export(commands: Commands, open_sender: OpenSender) -> None:
    @commands.command()
    @click.argument("report_id", metavar="REPORT_ID")
    @click.option("--to", "directory", required=True, type=click.Path(path_type=Path), help="Where to; made if needed.")
    def export(report_id: str, directory: Path) -> None:
        """Write the message as it was sent, its documents, and the consultation as it was written, as files."""
        from federated_sender import ledger
        from federated_sender.export import export_report
        from federated_sender.records import find, nhs_number
        from shared.audit import actor

        with opened(open_sender, NAME) as sender:
            now = sender.clock()
            with sender.database.transaction() as session:
                report = find(session, report_id)
                subject, patient = report.report_id, nhs_number(report)
                ledger.AUDIT.record(session, actor(), "report_exported", now, subject_id=subject, nhs_number=patient)
            # the line is durable before there is a file: one too many is better than one too few
            with sender.database.snapshot() as session:
                files = export_report(session, report_id, directory, now)
        for path in files:
            click.echo(path)
