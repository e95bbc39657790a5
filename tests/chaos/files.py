"""Whether what was given out as files is what was sent; like ``checker``, imports nothing of the product."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.evidence import Evidence, read_message

Folder = Mapping[str, bytes]


@dataclass(frozen=True)
class Exported:
    """Files by name: of ``reports`` and ``tasks`` that the command lines exported, and of the tasks in ``dropped``."""

    reports: Mapping[str, Folder]
    tasks: Mapping[str, Folder]
    dropped: Mapping[str, Folder]


def read_folder(folder: Path) -> Folder:
    """Return the files of a folder; nothing where there is none."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def faults(evidence: Evidence, exported: Exported) -> Iterator[str]:
    """Yield everything that is wrong with the files."""
    tasks = {row["task_id"]: row for row in evidence.receiver["task"]}
    sent = {row["message_id"]: row["body"] for row in evidence.mesh}
    for task_id in tasks.keys() - exported.dropped.keys():
        yield f"the task {task_id} was not laid into the drop directory"
    for name in exported.dropped.keys() - tasks.keys():
        yield f"{name} lies in the drop directory and is no task"
    for what, folders in (("dropped", exported.dropped), ("exported", exported.tasks)):
        for task_id in folders.keys() & tasks.keys():
            if not _has_documents(folders[task_id], sent[tasks[task_id]["mesh_message_id"]], "task.json"):
                yield f"the documents of the {what} task {task_id} are not those that were sent"
    bodies = {row["report_id"]: sent.get(row["mesh_message_id"]) for row in evidence.sender["report"]}
    for report_id, files in exported.reports.items():
        body = bodies[report_id]
        if body is None or files.get("message.xml") != body:
            yield f"the exported message of report {report_id} is not what MESH took"
        elif not _has_documents(files, body, "report.json"):
            yield f"the exported documents of report {report_id} are not those that were sent"


def _has_documents(files: Folder, message: bytes, description: str) -> bool:
    """Say whether a folder has all documents of a message in their order, under the names that its description says."""
    names = [each["file"] for each in json.loads(files.get(description, b'{"documents": []}'))["documents"]]
    digests = [hashlib.sha256(files.get(name, b"")).hexdigest() for name in names]
    wanted = read_message(message).documents
    return sorted(digests) == sorted(wanted) and names == sorted(names) and bool(names)
