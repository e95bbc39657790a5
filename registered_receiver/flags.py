"""What a person must know of a task before they rely on it: sentences that stand with it as long as they are true."""

from __future__ import annotations

from enum import StrEnum

from registered_receiver.tables import Task


class Flag(StrEnum):
    """One sentence; none of them tells who or where."""

    OTHER_PATIENT = "Another version of this consultation names another patient."
    OTHER_MAILBOX = "Another version of this consultation came from another mailbox."
    DISTRUSTED = "A document that was to replace this one could not be processed."
    MISDIRECTED = "It says that it replaces a document of another consultation, practice or patient."
    ORIGINAL_ABSENT = "The document that it replaces is not here."
    ORIGINAL_WAITS = "The document that it replaces is here, and waits for its patient to be found."
    ORIGINAL_NOT_FILED = "The document that it replaces was not filed: its patient is not, or no longer, here."
    REPLACEMENT_WAITS = "A document that replaces this one is here, and waits in the reviews."
    REPLACEMENT_NOT_FILED = "A document that replaces this one was not filed: its patient is not, or no longer, here."


ABOUT_ORIGINAL = frozenset({Flag.ORIGINAL_ABSENT, Flag.ORIGINAL_WAITS, Flag.ORIGINAL_NOT_FILED})
ABOUT_REPLACEMENT = frozenset({Flag.REPLACEMENT_WAITS, Flag.REPLACEMENT_NOT_FILED})


def put(task: Task, flag: Flag) -> bool:
    """Let ``flag`` stand with a task; say whether it is new."""
    if has(task, flag):
        return False
    task.flag = f"{task.flag} {flag}" if task.flag else str(flag)
    return True


def put_only(task: Task, flag: Flag | None, instead_of: frozenset[Flag]) -> None:
    """Let ``flag``, or none, stand with a task and no other one of those that it takes the place of."""
    for other in instead_of - {flag}:
        remove(task, other)
    if flag is not None:
        put(task, flag)


def remove(task: Task, flag: Flag) -> None:
    """Let ``flag`` stand with a task no more."""
    task.flag = " ".join((task.flag or "").replace(flag, "").split()) or None


def has(task: Task, flag: Flag) -> bool:
    """Say whether ``flag`` stands with a task."""
    return flag in (task.flag or "")
