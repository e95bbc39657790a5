"""The versions of one consultation: which task stays open when another version is filed (decisions 9 and 23)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Version:
    """A filed version of a consultation; ``version`` is None when the message does not say it."""

    task_id: str
    nhs_number: str = field(repr=False)
    version: int | None
    authored_on: datetime


@dataclass(frozen=True, slots=True)
class Placement:
    """What filing a version changes.

    ``supersedes`` and ``superseded_by`` are task ids, at most one of them is set. ``flagged`` are the tasks of
    older versions that name another patient.
    """

    supersedes: str | None = None
    superseded_by: str | None = None
    flagged: tuple[str, ...] = ()


def place(filed: Version, current: Sequence[Version]) -> Placement:
    """Return where ``filed`` belongs among the ``current`` versions: those of its chain that are not superseded.

    There is at most one of each patient. Where the patient differs nothing is superseded.
    """
    others = [version for version in current if version.nhs_number != filed.nhs_number]
    flagged = tuple(older(filed, version).task_id for version in others)
    for version in current:
        if version.nhs_number == filed.nhs_number:
            if older(filed, version) is version:
                return Placement(supersedes=version.task_id, flagged=flagged)
            return Placement(superseded_by=version.task_id, flagged=flagged)
    return Placement(flagged=flagged)


def older(late: Version, early: Version) -> Version:
    """Return the older of two versions; ``late`` arrived after ``early``, which tells when nothing else does."""
    if late.version is not None and early.version is not None and late.version != early.version:
        return late if late.version < early.version else early
    return late if late.authored_on < early.authored_on else early
