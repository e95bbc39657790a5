"""Documents that replace others: whoever opens the task of either learns how the other one stands (decision 0030)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from registered_receiver import document_ids, flags, ledger
from registered_receiver.flags import ABOUT_ORIGINAL, ABOUT_REPLACEMENT, Flag
from registered_receiver.states import MessageState
from registered_receiver.tables import Message, Task
from shared.itk3.model import Identifier
from shared.itk3.naming import normal_form

FAILED_REPLACEMENT: Final = "replacement_failed"
"""The kind of alert about a document whose replacement could not be processed, or is not what it says."""

_OF_ORIGINAL: Final[Mapping[str, Flag]] = {
    MessageState.VALID: Flag.ORIGINAL_WAITS,
    MessageState.REVIEW: Flag.ORIGINAL_WAITS,
    MessageState.UNMATCHED: Flag.ORIGINAL_NOT_FILED,
}
"""What the task of a document says about a document that it replaces, by how that one stands."""
_OF_REPLACEMENT: Final[Mapping[str, Flag]] = {
    MessageState.REVIEW: Flag.REPLACEMENT_WAITS,
    MessageState.UNMATCHED: Flag.REPLACEMENT_NOT_FILED,
}
"""What the task of a document says about a document that replaces it, by how that one stands."""


def settle(session: Session, message: Message, replaces: Identifier | None, now: datetime) -> None:
    """Tell what ``message``, whose state has changed, is to the document that it replaces and to those that replace it.

    What is told follows from how both stand, whichever of them came or was decided first.
    """
    if replaces is not None:
        original = document_ids.named(session, replaces, message.sender_mailbox, message.sender_reference, message)
        if original is None:
            _tell_of_absence(session, message, now)
        else:
            # whoever works on its task locks that before the message
            _task_of(session, original.mesh_message_id)
            # whoever files the original at this moment sees this message, or is seen
            session.refresh(original, with_for_update=True)
            _relate(session, original, message, now)
    for replacement in document_ids.replacing(session, message):
        _relate(session, message, replacement, now)


def _tell_of_absence(session: Session, message: Message, now: datetime) -> None:
    task = _task_of(session, message.mesh_message_id)
    if task is not None:
        flags.put_only(task, Flag.ORIGINAL_ABSENT, ABOUT_ORIGINAL)
        ledger.note(session, message, "noted", now, detail="the document that it replaces is not here")


def _relate(session: Session, original: Message, replacement: Message, now: datetime) -> None:
    older = _task_of(session, original.mesh_message_id)
    newer = _task_of(session, replacement.mesh_message_id)
    if newer is not None:
        flags.put_only(newer, _OF_ORIGINAL.get(original.state), ABOUT_ORIGINAL)
    if older is not None:
        _tell_of_replacements(older, [replacement, *document_ids.replacing(session, original)])
    if replacement.state == MessageState.REJECTED:
        _distrust(session, original, older, replacement, now)
    elif older is not None and replacement.state == MessageState.UNMATCHED:
        _alert(session, older.task_id, Flag.REPLACEMENT_NOT_FILED, replacement, now)
    elif older is not None and newer is not None and _chain(older) != _chain(newer):
        flags.put(newer, Flag.MISDIRECTED)
        _distrust(session, original, older, replacement, now)


def _tell_of_replacements(older: Task, replacements: Sequence[Message]) -> None:
    """Let a task say how each document stands that replaces it: one may wait while another was refused."""
    standing = {_OF_REPLACEMENT[each.state] for each in replacements if each.state in _OF_REPLACEMENT}
    for flag in ABOUT_REPLACEMENT - standing:
        flags.remove(older, flag)
    for flag in sorted(standing):
        flags.put(older, flag)


def _distrust(session: Session, original: Message, older: Task | None, replacement: Message, now: datetime) -> None:
    """Let nobody rely on a document whose replacement failed: neither of the two counts (20014)."""
    ledger.note(
        session,
        original,
        FAILED_REPLACEMENT,
        now,
        detail=f"its replacement is MESH message {replacement.mesh_message_id}",
    )
    if older is None:
        _alert(session, original.mesh_message_id, Flag.DISTRUSTED, replacement, now)
        return
    flags.put(older, Flag.DISTRUSTED)
    _alert(session, older.task_id, Flag.DISTRUSTED, replacement, now)
    reason = "it is on the worklist now, where its task says so"
    close = {"subject_id": original.mesh_message_id, "kind": FAILED_REPLACEMENT}
    ledger.ALERTS.close(session, now=now, by=ledger.DAEMON, reason=reason, **close)


def _alert(session: Session, subject_id: str, flag: Flag, replacement: Message, now: datetime) -> None:
    code = replacement.business_code or replacement.infrastructure_code
    said = f"The sender was told by the response {code}."
    if replacement.state == MessageState.REJECTED:
        # what a rule says quotes nothing of the message
        said = f"{replacement.diagnostics}. {said}"
    elif replacement.state == MessageState.FILED:
        # 20014 cannot be sent any more
        code, said = None, "It was filed: it is of another consultation, practice or patient. Its sender does not know."
    ledger.ALERTS.open(
        session,
        kind=FAILED_REPLACEMENT,
        subject_id=subject_id,
        now=now,
        text=f"{flag} {said} The replacement is MESH message {replacement.mesh_message_id}.",
        action=f"Do not rely on {subject_id} before you telephoned the sender, who has the newer document.",
        code=code,
    )


def _task_of(session: Session, mesh_message_id: str) -> Task | None:
    """Return a message's task as it is now, locked: all that stands with it is written back whole."""
    query = select(Task).where(Task.mesh_message_id == mesh_message_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _chain(task: Task) -> tuple[str, str, str]:
    # two spellings of a reference may have been kept apart by an earlier release
    return task.sender_ods_code, normal_form(task.consultation_id), task.nhs_number
