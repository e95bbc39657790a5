"""The commands that only the receiver has."""

from __future__ import annotations

from pathlib import Path

import click

from registered_receiver import NAME
from registered_receiver.review_commands import OpenReceiver, add_review_commands
from registered_receiver.states import TaskState
from shared.cli import Commands, opened, operator
from shared.errors import CommandFailed
from shared.log import emit

_TASK_COLUMNS = {
    "task_id": "task",
    "state": "state",
    "received_at": "received",
    "subject": "subject",
    "documents": "documents",
    "note": "note",
}

_DOCUMENT_COLUMNS = {
    "description": "document",
    "content_type": "type",
    "size": "bytes",
    "sha256": "sha256",
    "active_content": "active content",
}
_ACTIVE = {True: "yes", False: "no", None: "not kept"}


def add_receiver_commands(commands: Commands, open_receiver: OpenReceiver) -> None:
    """Give ``commands`` what only the receiver has."""
    _add_patients(commands, open_receiver)
    _add_dealing_with_tasks(_add_tasks(commands, open_receiver), open_receiver)
    _add_messages(commands, open_receiver)
    add_review_commands(commands, open_receiver)


def _in_words(code: str | None) -> str:
    from shared.itk3.codes import find

    if code is None:
        return "none"
    meaning = find(code)
    return f"{code} {meaning.display} ({meaning.response_code})"


def _add_patients(commands: Commands, open_receiver: OpenReceiver) -> None:
    @commands.group("patients")
    def group() -> None:
        """Keep the practice's patient index, which reports are matched against."""

    @group.command("import")
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--replace", is_flag=True, help="Who is registered and not in FILE left the practice today.")
    @click.option("--force", is_flag=True, help="With --replace: let even that many patients leave.")
    def import_(file: Path, replace: bool, force: bool) -> None:
        """Bring the index up to date from the CSV FILE: all rows, or none.

        \b
        Columns: nhs_number,family,given,birth_date,status,left_on,died_on
        with dates such as 1957-01-09 and the status registered, left or deceased.

        With --replace, a FILE without more than 10 patients who are registered, and more than 10 % of them, is
        refused: it is probably not the whole practice. --force takes it all the same.
        """  # noqa: D301 - click reads the backspace
        from registered_receiver import events, patients
        from registered_receiver.ledger import AUDIT
        from registered_receiver.practice import local_date
        from shared.audit import actor

        if force and not replace:
            raise click.UsageError("--force goes with --replace")
        with opened(open_receiver, NAME) as receiver:
            today = local_date(receiver.clock())
            rows = patients.read_file(file, today)
            with receiver.database.transaction() as session:
                done = patients.store(session, rows, today, replace=replace, force=force)
                AUDIT.record(session, actor(), "patients_imported", receiver.clock(), reason=str(done))
                was_empty = patients.is_told_empty(session)
        emit(events.PATIENTS_IMPORTED, patients=done.patients, left=done.left, by=operator())
        click.echo(done)
        if was_empty:
            click.echo(
                "Reports that came while the index was empty were answered 30002, and are not looked at again:"
                f" see `{NAME} status --state unmatched`, and ask their senders to `reissue` them.",
                err=True,
            )


def _add_tasks(commands: Commands, open_receiver: OpenReceiver) -> click.Group:
    @commands.group("tasks", invoke_without_command=True)
    @click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
    @click.option("--state", type=click.Choice([state.value for state in TaskState]), help="Only tasks in this state.")
    @click.option("--limit", type=click.IntRange(0), default=0, help="At most so many, the newest; 0 is all.")
    @click.pass_context
    def group(ctx: click.Context, as_json: bool, state: str | None, limit: int) -> None:
        """List the tasks, newest first; `tasks show`, `export` and `complete` deal with one."""
        from shared.presentation import print_json_list, print_table

        if ctx.invoked_subcommand is not None:
            return
        with opened(open_receiver, NAME) as receiver:
            pages = receiver.desk.task_pages(state, limit)
            if as_json:
                print_json_list(task for page in pages for task, _ in page)
                return
            # each page has its headings: a list of years is not held to measure its columns
            for page in pages:
                table = [task | {"documents": len(task["documents"]), "note": note} for task, note in page]
                print_table(table, _TASK_COLUMNS, "no tasks")

    return group


def _add_dealing_with_tasks(group: click.Group, open_receiver: OpenReceiver) -> None:
    @group.command()
    @click.argument("task_id", metavar="ID")
    @click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
    def show(task_id: str, as_json: bool) -> None:
        """Show one task and the documents that came with it."""
        from registered_receiver.records import task_note
        from shared.presentation import print_json, print_table, printable

        with opened(open_receiver, NAME) as receiver:
            shown = receiver.desk.task(task_id)
        if as_json:
            print_json(shown)
            return
        documents = shown.pop("documents")
        completed = any(older["completed_at"] for older in shown.pop("supersedes"))
        shown["note"] = task_note(shown.pop("flag"), completed_before=completed)
        for name, value in shown.items():
            if value not in (None, ""):
                click.echo(f"{name}: {printable(value)}")
        click.echo()
        for document in documents:
            document["active_content"] = _ACTIVE[document["active_content"]]
        print_table(documents, _DOCUMENT_COLUMNS, "no documents")

    @group.command("export")
    @click.argument("task_id", metavar="ID")
    @click.option("--to", "directory", required=True, type=click.Path(path_type=Path), help="Where to; made if needed.")
    def export_(task_id: str, directory: Path) -> None:
        """Write the report and every attachment as files, byte for byte; task.json has their labels."""
        from shared.export import write_files

        with opened(open_receiver, NAME) as receiver:
            files = receiver.desk.task_files(task_id)
        for path in write_files(directory, files):
            click.echo(path)

    @group.command()
    @click.argument("task_id", metavar="ID")
    def complete(task_id: str) -> None:
        """Mark a task as dealt with."""
        with opened(open_receiver, NAME) as receiver:
            receiver.desk.complete(task_id)
        click.echo(f"task {task_id} is completed")


def _add_messages(commands: Commands, open_receiver: OpenReceiver) -> None:
    @commands.group("messages")
    def group() -> None:
        """Deal with messages as they came from MESH."""

    @group.command("export")
    @click.argument("identifier", metavar="ID")
    @click.option("--to", "directory", required=True, type=click.Path(path_type=Path), help="Where to; made if needed.")
    def export_(identifier: str, directory: Path) -> None:
        """Write a message's bytes as they came to message.dat, and its MESH headers to message.json."""
        from shared.export import write_files

        with opened(open_receiver, NAME) as receiver:
            files = receiver.desk.message_files(identifier)
        for path in write_files(directory, files):
            click.echo(path)

    @commands.command("explain")
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--sender", help="The MESH mailbox that the message came from; else the one it names itself.")
    @click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
    def explain_(file: Path, sender: str | None, as_json: bool) -> None:
        """Try a message FILE against every rule; nothing but a line of the audit is stored, nothing is sent."""
        from shared.identifiers import MailboxId
        from shared.presentation import print_json, print_table

        try:
            body = file.read_bytes()
            mailbox = MailboxId(sender) if sender else None
        except OSError as error:
            raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise click.UsageError(f"--sender {error}") from None
        with opened(open_receiver, NAME) as receiver:
            outcome = receiver.desk.explain(body, mailbox)
        if as_json:
            print_json(outcome)
            return
        for level in ("infrastructure", "business"):
            click.echo(f"{level} response: {_in_words(outcome[f'{level}_code'])}")
        click.echo(f"decided by: {outcome['decided_by'] or 'nothing fails'}\n")
        columns = {"id": "rule", "requirement": "requirement", "code": "code", "diagnostics": "diagnostics"}
        print_table(outcome["rules"], columns, "every rule holds")
