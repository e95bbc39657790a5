"""A played evening as files: what each practice's own commands say of it, and what they give out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from deploy.demo.cases import CASES
from deploy.demo.console import Console, Row
from federated_sender.app import Sender
from federated_sender.settings import SenderSettings
from federated_sender.tables import InboxMessage, Report
from shared.config import load
from shared.itk3.responses import read_response

_NAMES: Final = {case.consultation_id: re.sub(r"[^a-z0-9]+", "-", case.name.lower()) for case in CASES}


@dataclass(frozen=True)
class Site:
    """What an evening left: the two practices' directories, and the log of every process."""

    directory: Path

    @property
    def sender(self) -> Console:
        """The practice that saw the patients."""
        return Console("federated-sender", self.directory / "alder" / "daemon.env")

    @property
    def receiver(self) -> Console:
        """The practice that has the records."""
        return Console("registered-receiver", self.directory / "birch" / "daemon.env")

    @property
    def payload(self) -> str:
        """What the sender sends: ``task`` or ``document``."""
        return load(SenderSettings, {}, self.sender.env_file).payload

    def logs(self) -> list[Path]:
        """Return the log files."""
        return sorted(self.directory.rglob("*.log"))


def write_reports(site: Site, directory: Path) -> list[Row]:
    """Write a folder for each report: the message, its documents, its responses and its timeline."""
    responses = dict(_responses(site.sender))
    written = []
    # the same names in every run: by the demo's list, not by who was quicker
    for number, row in enumerate(sorted(site.sender.rows("status", "--limit", "0"), key=_place), 1):
        folder = directory / f"{number:02}-{_name(row)}"
        folder.mkdir(parents=True)
        site.sender.run("export", row["report_id"], "--to", str(folder))
        for position, (code, body) in enumerate(responses.get(row["report_id"], ()), 1):
            (folder / f"response-{position}-{code}.xml").write_bytes(body)
        shown = _write_json(folder / "timeline.json", site.sender.run("show", row["report_id"], "--json"))
        written.append(row | {"folder": folder, "timeline": shown["timeline"], "codes": shown["record"]["codes"]})
    return written


def write_messages(site: Site, directory: Path, reports: list[Row]) -> list[Row]:
    """Write a folder for each message that the registered practice received: its bytes and its timeline."""
    names = {report["mesh_message_id"]: report["folder"].name for report in reports if report["mesh_message_id"]}
    written = []
    found = site.receiver.rows("status", "--limit", "0")
    for number, row in enumerate(sorted(found, key=lambda row: names.get(row["mesh_message_id"], "?")), 1):
        identifier = row["mesh_message_id"]
        folder = directory / f"{number:02}-{names.get(identifier, '00-message')[3:]}"
        folder.mkdir(parents=True)
        site.receiver.run("messages", "export", identifier, "--to", str(folder))
        shown = _write_json(folder / "timeline.json", site.receiver.run("show", identifier, "--json"))
        written.append(row | {"folder": folder, "report": names.get(identifier), "timeline": shown["timeline"]})
    return written


def write_tasks(site: Site, directory: Path) -> list[Row]:
    """Write a folder with the documents of each task on the worklist."""
    written = []
    for number, row in enumerate(sorted(site.receiver.rows("tasks"), key=_place), 1):
        folder = directory / f"{number:02}"
        site.receiver.run("tasks", "export", row["task_id"], "--to", str(folder))
        written.append(row | {"folder": folder})
    return written


def write_lists(practice: Console, directory: Path, *commands: str) -> Mapping[str, list[Row]]:
    """Write what each command lists, as JSON; the audit last, since looking is written down, too."""
    directory.mkdir(parents=True)
    lists: dict[str, list[Row]] = {}
    for name in commands:
        limit = ["--limit", "0"] if name == "status" else []
        lists[name] = _write_json(directory / f"{name}.json", practice.run(name, *limit, "--json"))
    return lists


def _responses(sender: Console) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Give the responses to each report, by its id, in the order in which they came."""
    with closing(Sender(load(SenderSettings, {}, sender.env_file))) as app, app.database.snapshot() as session:
        for report in session.scalars(select(Report)):
            kept = select(InboxMessage).where(InboxMessage.report == report.id, InboxMessage.message_type == "DATA")
            found = session.scalars(kept.order_by(InboxMessage.received_at, InboxMessage.mesh_message_id))
            yield report.report_id, [(str(read_response(each.body).code), each.body) for each in found]


def _place(row: Row) -> tuple[int, str, int]:
    identifier = row["consultation_id"] or ""
    known = list(_NAMES)
    return known.index(identifier) if identifier in known else len(known), identifier, row["version"] or 0


def _name(row: Row) -> str:
    version = f"-v{row['version']}" if row["version"] else ""
    return f"{_NAMES.get(row['consultation_id'], 'report')}{version}"


def _write_json(file: Path, text: str) -> Any:
    file.write_text(text, encoding="utf-8")
    return json.loads(text)
