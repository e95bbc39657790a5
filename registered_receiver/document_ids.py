"""What the documents that were taken are called, and which of them another one means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session, aliased

from registered_receiver import inbox
from registered_receiver.id_tables import REPLACES, DocumentId, key
from registered_receiver.tables import Message, Task
from shared.inserts import insert_rows
from shared.itk3.codes import ACCEPTED
from shared.itk3.envelope import Envelope
from shared.itk3.model import Identifier
from shared.itk3.naming import OF_ONE_VERSION, NameKind, is_same, names_of, normal_form

_STRENGTH: Final = {str(kind): place for place, kind in enumerate(NameKind)}

T = TypeVar("T")

_MINE: Final = aliased(DocumentId)
_THEIRS: Final = aliased(DocumentId)
_SAME: Final = and_(
    _THEIRS.value == _MINE.value, _THEIRS.sender_mailbox == _MINE.sender_mailbox, _THEIRS.kind == REPLACES
)
_REPLACING: Final = (
    select(Message, _THEIRS)
    .join(_THEIRS, _THEIRS.mesh_message_id == Message.mesh_message_id)
    .join(_MINE, _SAME)
    .where(_MINE.mesh_message_id == bindparam("replaced"), _MINE.kind != REPLACES)
    .order_by(Message.received_at, Message.mesh_message_id)
)


def remember(session: Session, message: Message, envelope: Envelope, replaces: Identifier | None) -> None:
    """Keep every name of a message that was taken, and what it says that it replaces."""
    _add(session, message, [(str(name.kind), name.identifier) for name in names_of(envelope)])
    if replaces is not None:
        remember_replaced(session, message, replaces)


def remember_replaced(session: Session, message: Message, replaces: Identifier) -> None:
    """Keep what a message says that it replaces."""
    _add(session, message, [(REPLACES, replaces)])


def named(
    session: Session,
    target: Identifier,
    sender_mailbox: str | None,
    reference: str | None,
    by: Message | None = None,
) -> Message | None:
    """Return the message from ``sender_mailbox`` that ``target`` means, None when it is not here or not certain.

    Of several that bear that name the newest is meant that came before the message which names it (``by``), or else
    the oldest that came after it, as long as they have the ``reference`` of the consultation in common. By a name that
    every version may bear nothing is meant that came after ``by`` and was not written before it.
    """
    if not sender_mailbox:
        # nobody vouches for whom it is from
        return None
    query = select(DocumentId, Message).join(Message, Message.mesh_message_id == DocumentId.mesh_message_id)
    query = query.where(DocumentId.value == key(target.value), DocumentId.sender_mailbox == key(sender_mailbox or ""))
    unique, found = _surest(
        [
            (row, message)
            for row, message in session.execute(query.where(DocumentId.kind != REPLACES))
            if _is_called(row, target) and message is not by
        ]
    )
    if by is not None and not unique:
        found = [each for each in found if each.received_at <= by.received_at or _is_older(session, each, by)]
    if len(found) < 2:
        return found[0] if found else None
    of_consultation = [each for each in found if normal_form(each.sender_reference) == normal_form(reference)]
    in_order = sorted(of_consultation, key=lambda each: (each.received_at, each.mesh_message_id))
    earlier = [each for each in in_order if by is None or each.received_at <= by.received_at]
    return earlier[-1] if earlier else next(iter(in_order), None)


def replacing(session: Session, message: Message) -> list[Message]:
    """Return the messages that say that they replace this one, the oldest first."""
    found = []
    for other, target in session.execute(_REPLACING, {"replaced": message.mesh_message_id}):
        means = Identifier(target.value, target.system)
        if other is not message and message is named(
            session, means, other.sender_mailbox, other.sender_reference, other
        ):
            found.append(other)
    return found


def linked(session: Session, tasks: Sequence[Task]) -> dict[str, str | None]:
    """Return, of the ``tasks`` of one chain that say that they replace a document, the task that each replaces.

    None is for what is not in the chain. Of several that bear a name, or may bear it, the latest is meant that was
    written before.
    """
    of_message = {task.mesh_message_id: task for task in tasks}
    rows = list(session.scalars(select(DocumentId).where(DocumentId.mesh_message_id.in_(of_message))))
    bearing: dict[tuple[str, str], list[tuple[DocumentId, Task]]] = defaultdict(list)
    for row in rows:
        if row.kind != REPLACES:
            bearing[row.value, row.sender_mailbox].append((row, of_message[row.mesh_message_id]))
    found: dict[str, str | None] = {}
    for row in rows:
        if row.kind == REPLACES:
            task, target = of_message[row.mesh_message_id], Identifier(row.value, row.system)
            others = [each for each in bearing[row.value, row.sender_mailbox] if each[1] is not task]
            original = _written_before(task, *_surest([each for each in others if _is_called(each[0], target)]))
            found[task.task_id] = None if original is None else original.task_id
    return found


def _written_before(task: Task, unique: bool, bearing: Sequence[Task]) -> Task | None:
    if unique and len(bearing) == 1:
        return bearing[0]
    # the only one that is here may be a later version
    earlier = [each for each in bearing if each.authored_on < task.authored_on]
    return max(earlier, key=lambda each: (each.authored_on, each.task_id), default=None)


def _is_older(session: Session, one: Message, other: Message) -> bool:
    written, later = _authored_on(session, one), _authored_on(session, other)
    return written is not None and later is not None and written < later


def _authored_on(session: Session, message: Message) -> datetime | None:
    """Return when a message says that it was written; None when it was not taken, or is not here any more."""
    if message.infrastructure_code != ACCEPTED:
        return None
    query = select(Task.authored_on).where(Task.mesh_message_id == message.mesh_message_id)
    written = session.scalars(query).one_or_none()
    if written is not None:
        return written
    # the worklist is listed without what reads messages
    from shared.itk3.parse import read
    from shared.itk3.rules import read_report

    body = inbox.read_body(session, message.mesh_message_id)
    envelope = read(body, len(body)).envelope
    return None if envelope is None else read_report(envelope).authored_on


def _surest(bearing: Sequence[tuple[DocumentId, T]]) -> tuple[bool, list[T]]:
    """Return who bears a name by what it is the surest of, after whether no other version may bear such a name."""
    surest = min((_STRENGTH[row.kind] for row, _ in bearing), default=0)
    found = [(row.kind, bearer) for row, bearer in bearing if _STRENGTH[row.kind] == surest]
    return all(kind in OF_ONE_VERSION for kind, _ in found), [bearer for _, bearer in found]


def _is_called(row: DocumentId, target: Identifier) -> bool:
    return is_same(Identifier(target.value, row.system), target)


def _add(session: Session, message: Message, names: Iterable[tuple[str, Identifier]]) -> None:
    same = {"sender_mailbox": key(message.sender_mailbox or ""), "mesh_message_id": message.mesh_message_id}
    rows = [{**same, "kind": kind, "value": key(name.value), "system": name.system} for kind, name in names]
    insert_rows(session, DocumentId, rows)
