"""How records are shown: the contract's JSON shapes, and tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from textwrap import fill
from typing import Any, Final

import click

from shared.meanings.catalogue import is_known, meaning_of
from shared.tables import AlertColumns, AuditColumns, TimelineColumns

_WIDTH: Final = 80


def rfc3339(moment: datetime | None) -> str | None:
    """Return a time in UTC as the contract's JSON shows it."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def print_json(document: object) -> None:
    """Print one JSON document and nothing else."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_json_list(rows: Iterable[object]) -> None:
    """Print a JSON list and nothing else, each of ``rows`` as it comes: nobody holds a long list in memory."""
    before = "["
    for row in rows:
        entry = json.dumps(row, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        click.echo(f"{before}\n  {entry}", nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def print_table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], nothing: str) -> None:
    """Print ``rows`` with the chosen columns (key → heading), or the word for nothing.

    What has no room in 80 columns, the widest first, stands beneath its row.
    """
    if not rows:
        click.echo(nothing)
        return
    from tabulate import tabulate

    body = [[_cell(row[key]) for key in columns] for row in rows]
    shown = _with_room([list(columns.values()), *body])
    table = tabulate(
        [[row[at] for at in shown] for row in body],
        headers=[list(columns.values())[at] for at in shown],
        tablefmt="simple",
        disable_numparse=True,
    ).splitlines()
    for line in table[:2]:
        click.echo(line.rstrip())
    for line, row in zip(table[2:], body, strict=True):
        click.echo(line.rstrip())
        for at, heading in enumerate(columns.values()):
            if at not in shown and row[at]:
                click.echo(_wrapped(f"{heading}: {row[at]}"))


def _wrapped(words: str) -> str:
    """Return ``words`` in lines of 80 columns; an id is never broken, lest nobody find it."""
    return fill(
        words, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(printable(each) for each in value)
    return "" if value is None else printable(value)


def _with_room(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return which columns of ``rows`` fit beside one another; the first always does."""
    # tabulate leaves two spaces around a heading
    widths = [max(len(heading) + 2, *map(len, cells)) for heading, *cells in zip(*rows, strict=True)]
    shown = list(range(len(widths)))
    while len(shown) > 1 and sum(widths[at] + 2 for at in shown) - 2 > _WIDTH:
        shown.remove(max(shown[1:], key=lambda at: widths[at]))
    return shown


def printable(value: object) -> str:
    """Return what a terminal may show: words of the other side could move its cursor, or turn their own order round."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(value))


def audit_json(entry: AuditColumns) -> dict[str, Any]:
    """Return a line of the audit."""
    return {
        "at": rfc3339(entry.at),
        "user": entry.user_name,
        "uid": entry.uid,
        "role": entry.role,
        "action": entry.action,
        "subject_id": entry.subject_id,
        "nhs_number": entry.nhs_number,
        "reason": entry.reason,
    }


def alert_json(alert: AlertColumns) -> dict[str, Any]:
    """Return an alert in the contract's shape."""
    return {
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "subject_id": alert.subject_id,
        "opened_at": rfc3339(alert.opened_at),
        "closed_at": rfc3339(alert.closed_at),
        "code": alert.code,
        "text": alert.text,
        "action": alert.action,
    }


def code_meanings(record: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what each code of a record and of its timeline means, in the words of ``docs/codes.md``."""
    given = (record.get("infrastructure_code"), record.get("business_code"), *(line["code"] for line in lines))
    meanings = [meaning_of(code) for code in dict.fromkeys(given) if code and is_known(code)]
    return [{"code": each.code, "means": each.means, "who": each.who, "next_step": each.next_step} for each in meanings]


def timeline_json(entry: TimelineColumns) -> dict[str, Any]:
    """Return a line of a timeline in the contract's shape."""
    line = {
        "at": rfc3339(entry.at),
        "from": entry.from_state,
        "to": entry.to_state,
        "event": entry.event,
        "code": entry.code,
        "by": entry.by,
    }
    return line | ({"detail": entry.detail} if entry.detail else {})
