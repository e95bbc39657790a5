"""Rows of the outbox with columns that hold anything: each is sent, invalid with a reason, or not required."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from federated_sender import outbox
from federated_sender.pdf import PdfRenderer
from shared import log
from shared.itk3.parse import read
from shared.itk3.rule import Context
from shared.itk3.rules import judge
from tests.fakes.mesh import InMemoryMesh
from tests.federated_sender.bench import SenderBench, consultation, wire_sender
from tests.federated_sender.rows import columns
from tests.fuzz import json_trees, values
from tests.fuzz.findings import Findings
from tests.fuzz.specimens import BORN, FAMILY, GIVEN, LABEL, NOTE, POSTCODE, REGISTERED, STREET, TELEPHONE, found_in

US, THEM = "ALDERMB1", "BIRCHMB1"
_HERE = b"%PDF-1.7"
_SENT_AT_ONCE = 0.15
_JSON = ("patient_given", "patient_telephones", "patient_address", "patient_current_address", "practitioner_given")
# failed: MESH finds nobody of the mutated name, number or birth date
_FINAL = {"waiting", "invalid", "not_required", "sent", "failed"}
_ALARMING = {"job.failed", "work.parked", "outage.began", "send.postponed", "inbox.failed"}
_ODD: tuple[Any, ...] = (None, 0, 1, -1, 2**62, 1.5, b"", b"\xff\xfe", b"\x00", b"bytes", "", " ", "a\x00b", "a\tb\nc")
_TYPES = ("application/pdf", "text/plain", "image/png", "application/x-msdownload", "", None, "TEXT/PLAIN; charset=x")


@dataclass(frozen=True)
class Row:
    """A row of ``outbox`` with rows of ``outbox_attachment``, as a clinical system writes them."""

    outbox: Mapping[str, Any] = field(repr=False)
    attachments: tuple[Mapping[str, Any], ...] = field(repr=False)
    not_utf8: str | None = None

    def as_json(self) -> str:
        """Return it as a regression case is written down."""
        facts = {"outbox": self.outbox, "attachments": self.attachments, "not_utf8": self.not_utf8}
        return json.dumps(facts, indent=1, default=lambda data: {"base64": base64.b64encode(data).decode()})

    @classmethod
    def from_json(cls, written: str) -> Row:
        """Return a regression case."""
        facts = json.loads(
            written, object_hook=lambda each: base64.b64decode(each["base64"]) if list(each) == ["base64"] else each
        )
        return cls(facts["outbox"], tuple(facts["attachments"]), facts["not_utf8"])


def row(seed: int, number: int) -> Row:
    """Return row ``number`` of the run ``seed``."""
    rng = Random(f"{seed}:row:{number}")
    identifier = str(UUID(int=rng.getrandbits(128), version=4))
    content = _content(identifier)
    columns_ = columns(content)
    if rng.random() < _SENT_AT_ONCE:
        columns_["updated_at"] = "2026-11-20T14:30:00+00:00"
    for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 5))):
        _mutate(rng, columns_)
    attachments = [_attachment(rng, position) for position in range(rng.choice((0, 0, 0, 0, 1, 2)))]
    not_utf8 = rng.choice([name for name in columns_ if name != "consultation_id"]) if rng.random() < 0.04 else None
    return Row(columns_, tuple(attachments), not_utf8)


def _content(identifier: str) -> dict[str, Any]:
    address = {"lines": [f"9 {STREET} Gyre", "Carlisle"], "postcode": POSTCODE}
    return consultation(
        consultation_id=identifier,
        started_at="2026-11-20T14:05:00+00:00",
        updated_at="2026-11-20T17:59:00+00:00",
        patient__nhs_number=REGISTERED,
        patient__family=FAMILY,
        patient__given=[GIVEN],
        patient__birth_date=BORN.isoformat(),
        patient__telephones=[TELEPHONE],
        patient__address=address,
        patient__current_address=address,
        notes=[{"heading": "History", "items": [{"text": NOTE}, {"text": LABEL, "confidential": True}]}],
    )


def _mutate(rng: Random, row: dict[str, Any]) -> None:
    name, kind = rng.choice(list(row)), rng.random()
    if kind < 0.25:
        row[name] = rng.choice(_ODD)
    elif kind < 0.55:
        row[name] = values.odd(rng)
    elif kind < 0.65:
        other = rng.choice(list(row))
        row[name], row[other] = row[other], row[name]
    elif kind < 0.70:
        del row[name]
    elif kind < 0.75:
        row["patient_registration_type"] = rng.choice(("regular", " Regular", "walk-in"))
    elif kind < 0.80:
        row["patient_registered_practice_ods_code"] = rng.choice(("A81001", "Z99999", "b82002"))
    else:
        _mutate_json(rng, row)


def _mutate_json(rng: Random, row: dict[str, Any]) -> None:
    name = rng.choice(("notes", "notes", *_JSON))
    try:
        content = [json.loads(row.get(name) or "[]")]
    except (ValueError, TypeError):
        return
    texts = [(inside, key) for inside, key in json_trees.places(content) if isinstance(inside[key], str)]
    if texts and rng.random() < 0.6:
        inside, key = rng.choice(texts)
        inside[key] = values.odd(rng)
    else:
        json_trees.mutate(rng, content, rng.choice((1, 1, 3)))
    row[name] = json.dumps(content[0] if content else None)


def _attachment(rng: Random, position: int) -> dict[str, Any]:
    data = rng.choice((b"%PDF-1.7 ecg", NOTE.encode(), *values.documents()))
    found: dict[str, Any] = {"position": position, "title": LABEL, "content_type": rng.choice(_TYPES), "data": data}
    if rng.random() < 0.3:
        path = rng.choice(("here.pdf", "../../etc/passwd", "/dev/zero", "", "a\x00b", FAMILY, "x" * 5_000))
        found |= {
            "data": None,
            "path": path,
            "sha256": rng.choice((hashlib.sha256(_HERE).hexdigest(), "x", None)),
        }
    if rng.random() < 0.3:
        found[rng.choice(("title", "content_type", "sha256", "data"))] = rng.choice((*_ODD, values.odd(rng)))
    return found


class Batch:
    """Rows in one outbox, and a sender that takes them into account."""

    def __init__(self, directory: Path, renderer: PdfRenderer, rows: Mapping[int, Row]) -> None:
        self.rows = rows
        self._logged = io.StringIO()
        log.configure("debug", "json", "federated-sender", self._logged)
        mesh = InMemoryMesh()
        mesh.add_mailbox(US, ods_code="A81001")
        mesh.add_mailbox(THEM, ods_code="B82002")
        mesh.register(REGISTERED, BORN, FAMILY, THEM)
        (directory / "here.pdf").write_bytes(_HERE)
        self._bench: SenderBench = wire_sender(f"sqlite:///{directory}/sender.sqlite3", mesh, renderer, directory)

    def run(self, findings: Findings) -> None:
        """Write the rows, let the sender work, and judge."""
        written = {number: self._write(each) for number, each in self.rows.items()}
        last = UUID(int=1)
        self._write(Row(columns(_content(str(last))), ()))
        where = f"{min(self.rows)} to {max(self.rows)}"
        try:
            self._work(findings, where)
        except Exception as error:  # noqa: BLE001 - this is what the fuzz looks for
            findings.blame("row", None, f"{where}: {type(error).__name__} came out")
        self._judge(findings, written, str(last), where)
        self._bench.database.close()
        structlog.reset_defaults()

    def _write(self, each: Row) -> str | None:
        """Write a row; return what its consultation is known by, None when the database itself refuses the row."""
        try:
            with self._bench.database.transaction() as session:
                session.execute(_insert("outbox", each.outbox), each.outbox)
                key = session.scalar(text("SELECT consultation_id FROM outbox ORDER BY rowid DESC LIMIT 1"))
                for attachment in each.attachments:
                    full = dict(attachment) | {"consultation_id": key}
                    session.execute(_insert("outbox_attachment", full), full)
                if each.not_utf8:
                    spoil = f"UPDATE outbox SET {each.not_utf8} = CAST(x'53ff6d' AS TEXT) WHERE consultation_id = :key"
                    session.execute(text(spoil), {"key": key})
        except (StatementError, OverflowError):
            return None
        return outbox.identifier(key)

    def _work(self, findings: Findings, where: str) -> None:
        for job in ("intake", "send"):
            busy = True
            while busy:
                begun = time.process_time()
                busy = bool(self._bench.step(job))
                findings.took(time.process_time() - begun, f"{job} of {where}")
        self._bench.once()

    def _judge(self, findings: Findings, written: Mapping[int, str | None], last: str, where: str) -> None:
        known = {record["consultation_id"]: record for record in self._bench.status()}
        for number, key in written.items():
            record = known.get(key) if key is not None else None
            state = "refused by the database" if key is None else record["state"] if record else "lost"
            findings.count("row", state)
            reason = (record or {}).get("reason") or ""
            if key is not None and (state not in _FINAL or (state in ("invalid", "failed") and not reason)):
                findings.blame("row", number, f"{state} {reason}")
            if "cannot be read: " in reason:
                findings.blame("row", number, f"invalid for no reason of its own: {reason}")
        if known.get(last, {}).get("state") != "waiting":
            findings.blame("row", None, f"{where}: a good row beside them is not waiting")
        for post in self._bench.posts():
            verdict = judge(read(post.body, 20_000_000), Context("B82002", US))
            if not verdict.accepted:
                findings.blame("row", None, f"{where}: a report was sent that is {verdict.decided_by}")
        self._judge_log(findings, where)

    def _judge_log(self, findings: Findings, where: str) -> None:
        for line in self._logged.getvalue().splitlines():
            if found_in(line):
                findings.blame("row", None, f"{where}: {found_in(line)} in the line {json.loads(line)['event']}")
            elif json.loads(line)["event"] in _ALARMING:
                findings.blame("row", None, f"{where}: logged {line}")


def _insert(table: str, row: Mapping[str, Any]) -> Any:
    return text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})")
