"""Rows that a clinical system writes straight into the outbox."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text

from tests.federated_sender.bench import CONSULTATION, SenderBench


def columns(content: dict[str, Any]) -> dict[str, Any]:
    """Return the outbox columns of the contract's JSON, as ``docs/outbox.md`` describes them."""
    row = {name: content[name] for name in ("consultation_id", "started_at", "updated_at", "confidential")}
    for group in ("patient", "practitioner"):
        for name, value in content[group].items():
            row[f"{group}_{name}"] = json.dumps(value) if isinstance(value, list | dict) else value
    return row | {"notes": json.dumps(content["notes"])}


def write(sender: SenderBench, content: dict[str, Any], **raw: Any) -> None:
    row = columns(content) | raw
    with sender.database.transaction() as session:
        session.execute(text("DELETE FROM outbox WHERE consultation_id = :consultation_id"), row)
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        session.execute(text(f"INSERT INTO outbox ({names}) VALUES ({values})"), row)


def attach(sender: SenderBench, path: str, sha256: str | None, content_type: str = "application/pdf") -> None:
    with sender.database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO outbox_attachment (consultation_id, position, title, content_type, path, sha256)"
                " VALUES (:id, 0, 'ECG', :type, :path, :sha256)"
            ),
            {"id": CONSULTATION, "type": content_type, "path": path, "sha256": sha256},
        )


def change(sender: SenderBench, setting: str) -> None:
    """Change every row of the outbox, as ``UPDATE outbox SET`` does."""
    with sender.database.transaction() as session:
        session.execute(text(f"UPDATE outbox SET {setting}"))
