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
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """What filing a version changes.

    ``supersedes`` and ``superseded_by`` are task ids, at most one of them is set. ``flagged`` are the tasks of
    versions that name another patient than a newer one does.
    """

    supersedes: str | None = None
    superseded_by: str | None = None
    flagged: tuple[str, ...] = ()


def place(filed: Version, chain: Sequence[Version], replaces: str | None = None) -> Placement:
    """Return where ``filed`` belongs in its ``chain``, of which each patient has one version that is not superseded.

    ``replaces`` is the task of which the sender says that ``filed`` takes its place: it is the older one whatever the
    numbers say, since a sender that changes its software may count from one again. Where the patient differs nothing
    is superseded. What becomes of a chain does not depend on the order in which its versions are filed, as long as a
    higher number was not written earlier.
    """
    others = [version for version in chain if version.nhs_number != filed.nhs_number]
    flagged = tuple(version.task_id for version in others if is_newer(filed, version))
    if len(flagged) < len(others):
        flagged += (filed.task_id,)
    for version in chain:
        if version.nhs_number == filed.nhs_number and not version.superseded:
            if version.task_id == replaces or (is_newer(filed, version) and not _is_outdated(filed, chain, replaces)):
                return Placement(supersedes=version.task_id, flagged=flagged)
            return Placement(superseded_by=version.task_id, flagged=flagged)
    return Placement(flagged=flagged)


def _is_outdated(filed: Version, chain: Sequence[Version], replaces: str | None) -> bool:
    """Say whether ``filed`` came later than what took its place, which was itself replaced by a lower number."""
    return any(
        version.superseded
        and version.nhs_number == filed.nhs_number
        and version.task_id != replaces
        and version.authored_on >= filed.authored_on
        and is_newer(version, filed)
        for version in chain
    )


def is_newer(one: Version, other: Version) -> bool:
    """Say whether ``one`` is the newer of two versions.

    The number tells, or else when they were written. Of two that were written at the same moment one without a
    number is the older; in the end the task's id tells, so that the order of arrival never does.
    """
    if one.version is not None and other.version is not None and one.version != other.version:
        return one.version > other.version
    return _written(one) > _written(other)


def _written(version: Version) -> tuple[datetime, int, str]:
    return version.authored_on, version.version or 0, version.task_id
