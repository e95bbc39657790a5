"""How records are shown: the contract's JSON shapes, and tables for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from tabulate import tabulate

from shared.meanings.catalogue import is_known, meaning_of
from shared.tables import AlertColumns, AuditColumns, TimelineColumns


def rfc3339(moment: datetime | None) -> str | None:
    """Return a time in UTC as the contract's JSON shows it."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def print_json(document: object) -> None:
    """Print one JSON document and nothing else."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], nothing: str) -> None:
    """Print ``rows`` with the chosen columns (key → heading), or the word for nothing."""
    if not rows:
        click.echo(nothing)
        return
    body = [["" if row[key] in (None, []) else printable(row[key]) for key in columns] for row in rows]
    click.echo(tabulate(body, headers=list(columns.values()), tablefmt="simple", disable_numparse=True))


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
