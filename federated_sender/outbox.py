"""The outbox: rows that ``enqueue`` or the clinical system itself wrote, read as the contract's JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from federated_sender import versions
from federated_sender.attachments import ReadFile, resolve
from federated_sender.consultation import Consultation, read_consultation
from federated_sender.outbox_tables import Blob, OutboxAttachment, OutboxRow
from shared.errors import Fault, InvalidConsultation
from shared.inserts import insert_or_lock

_TOP = ("consultation_id", "started_at", "updated_at", "confidential")
_PATIENT = (
    "nhs_number",
    "nhs_number_verified",
    "title",
    "family",
    "birth_date",
    "gender",
    "registration_type",
    "registered_practice_ods_code",
)
_PATIENT_JSON = ("given", "telephones", "address", "current_telephones", "current_address")
_PRACTITIONER = ("sds_user_id", "title", "family", "role", "telephone")


@dataclass(frozen=True, slots=True)
class Judged:
    """A consultation that may be sent, with the bytes of its attachments by their digest.

    ``written`` is what the clinical system wrote, to be kept as it is.
    """

    consultation: Consultation
    blobs: Mapping[str, bytes] = field(repr=False)
    written: str = field(repr=False)


def judge(
    content: Mapping[str, Any],
    read: ReadFile,
    now: datetime,
    *,
    written: str,
    digest_required: bool,
    practice_required: bool,
    faults: Sequence[Fault] = (),
    at: str = "",
) -> Judged:
    """Judge the contract's JSON in one pass; raise InvalidConsultation with all faults, ``faults`` included."""
    found = list(faults)
    attachments, broken = resolve(
        content.get("attachments", []), read, digest_required=digest_required, at=f"{at}attachments"
    )
    found += broken
    try:
        consultation = read_consultation(
            {**content, "attachments": attachments.entries}, now, practice_required=practice_required, at=at
        )
    except InvalidConsultation as error:
        raise InvalidConsultation([*found, *_without(error.faults, found)]) from None
    if found:
        raise InvalidConsultation(found)
    return Judged(consultation, attachments.blobs, written)


def _without(faults: tuple[Fault, ...], known: list[Fault]) -> list[Fault]:
    # a column that is not JSON is named as such, not also as missing
    places = {fault.where for fault in known}
    return [fault for fault in faults if fault.where not in places]


def next_pending(session: Session) -> str | None:
    """Return the id of a row that was written since it was last looked at, and lock the row.

    The row itself is not read: one that cannot be read must not hide the others.
    """
    # written as in the condition of its index, without which the whole outbox would be gone through
    query = select(OutboxRow.consultation_id).where(text("pending")).order_by(OutboxRow.consultation_id).limit(1)
    return session.scalars(query.with_for_update(skip_locked=True)).one_or_none()


def identifier(key: str | bytes) -> str:
    """Return the id by which the consultation of a row is known; SQLite takes bytes for a key as well."""
    return versions.canonical(key) if isinstance(key, str) else f"x'{key.hex()}'"


def find(session: Session, identifier: str, *, lock: bool = True) -> OutboxRow | None:
    """Return the row of a consultation, however the clinical system writes its id; None when it is gone."""
    query = select(OutboxRow).where(OutboxRow.consultation_id.in_(_spellings(identifier))).limit(1)
    return session.scalars(query.with_for_update() if lock else query).one_or_none()


def is_pending(session: Session, identifier: str) -> bool:
    """Say whether the row of a consultation was written and not taken into account yet; nothing is locked."""
    query = select(OutboxRow.pending).where(OutboxRow.consultation_id.in_(_spellings(identifier)))
    return any(session.scalars(query))


def _spellings(identifier: str) -> set[str]:
    wanted = versions.canonical(identifier.strip())
    cases = (wanted, wanted.upper())
    return {
        identifier.strip(),
        *cases,
        *(f"{{{each}}}" for each in cases),
        *(each.replace("-", "") for each in cases),
    }


def settle(session: Session, consultation_id: str) -> None:
    """Note that a row was taken into account; the next change of its content makes it pending again."""
    session.execute(update(OutboxRow).where(OutboxRow.consultation_id == consultation_id).values(pending=False))


def row_content(row: OutboxRow) -> tuple[dict[str, Any], list[Fault]]:
    """Return a row as the contract's JSON, with the faults of columns that hold no text or no JSON."""
    faults: list[Fault] = []

    def plain(value: Any, where: str) -> Any:
        # SQLite keeps bytes in a column of text
        if isinstance(value, bytes):
            faults.append(Fault(where, "must be a text"))
            return None
        return value

    def decoded(written: Any, where: str) -> Any:
        text = plain(written, where)
        try:
            return None if text is None else json.loads(text)
        except (ValueError, RecursionError):
            faults.append(Fault(where, "is not JSON"))
            return None

    patient = {name: plain(getattr(row, f"patient_{name}"), f"patient.{name}") for name in _PATIENT}
    patient |= {name: decoded(getattr(row, f"patient_{name}"), f"patient.{name}") for name in _PATIENT_JSON}
    practitioner = {name: plain(getattr(row, f"practitioner_{name}"), f"practitioner.{name}") for name in _PRACTITIONER}
    practitioner["given"] = decoded(row.practitioner_given, "practitioner.given")
    content = {name: plain(getattr(row, name), name) for name in _TOP}
    content["patient"] = _present(patient)
    content["practitioner"] = _present(practitioner)
    content["notes"] = decoded(row.notes, "notes")
    content["attachments"] = [
        _present({name: getattr(item, name) for name in ("title", "content_type", "path", "sha256", "data")})
        for item in row.attachments
    ]
    return _present(content), faults


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def as_written(row: OutboxRow) -> str:
    """Return a row's columns as JSON, each as the clinical system wrote it; the bytes of documents by their digest."""
    ours = {"pending", "deleted", "enqueued"}
    columns = {column.name: getattr(row, column.name) for column in OutboxRow.__table__.columns}
    written = _present({name: value for name, value in columns.items() if name not in ours})
    written["outbox_attachment"] = [
        _present(
            {name: getattr(item, name) for name in ("position", "title", "content_type", "path", "sha256")}
            | {"data_sha256": None if item.data is None else _digest(item.data)}
        )
        for item in row.attachments
    ]
    # what is no text in UTF-8, or no text at all, can still be kept as escapes
    return json.dumps(written, ensure_ascii=True, default=lambda value: value.decode("ascii", "backslashreplace"))


def _digest(data: object) -> str:
    # SQLite keeps a text or a number in a column of bytes
    plain = data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogateescape")
    return hashlib.sha256(plain).hexdigest()


def write_row(session: Session, judged: Judged) -> OutboxRow:
    """Put a consultation that was judged good into the outbox, in place of what was there for it."""
    content = judged.consultation.model_dump(mode="json")
    row = session.get(OutboxRow, content["consultation_id"], with_for_update=True) or OutboxRow(enqueued=True)
    for name in _TOP:
        setattr(row, name, content[name])
    for group, names in (("patient", _PATIENT), ("practitioner", _PRACTITIONER)):
        for name in names:
            setattr(row, f"{group}_{name}", content[group][name])
    for name in _PATIENT_JSON:
        setattr(row, f"patient_{name}", _encoded(content["patient"][name]))
    row.practitioner_given = _encoded(content["practitioner"]["given"])
    row.notes = json.dumps(content["notes"], ensure_ascii=False)
    row.attachments.clear()
    session.add(row)
    session.flush()
    for position, entry in enumerate(content["attachments"]):
        item = OutboxAttachment(position=position, title=entry["title"], content_type=entry["content_type"])
        item.sha256, item.data = entry["sha256"], judged.blobs[entry["sha256"]]
        row.attachments.append(item)
    return row


def _encoded(value: object) -> str | None:
    return None if value in (None, [], ()) else json.dumps(value, ensure_ascii=False)


def keep_blobs(session: Session, blobs: Mapping[str, bytes]) -> None:
    """Keep the bytes of attachments, each once by its digest."""
    # in one order, so that two processes never wait for each other
    for digest in sorted(blobs):
        # locked until the version refers to it: nobody may clear it away meanwhile
        insert_or_lock(session, Blob, sha256=digest, data=blobs[digest])


def blobs_of(session: Session, consultation: Consultation) -> dict[str, bytes]:
    """Return the bytes of a consultation's attachments by their digest."""
    digests = [attachment.sha256 for attachment in consultation.attachments]
    if not digests:
        return {}
    return {blob.sha256: blob.data for blob in session.scalars(select(Blob).where(Blob.sha256.in_(digests)))}
