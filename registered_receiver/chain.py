"""The versions of one consultation: which task stays open when another version is filed (decisions 9 and 23)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Version:
    """A filed version of a consultation; ``version`` is None when the message does not say it.

    ``replaces`` is the task of which its sender says that this one takes its place. ``orphaned`` says that it names
    one which is not here.
    """

    task_id: str
    nhs_number: str = field(repr=False)
    version: int | None
    authored_on: datetime
    superseded: bool = False
    replaces: str | None = None
    orphaned: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """What filing a version changes.

    ``supersedes`` and ``superseded_by`` are task ids, at most one of them is set. ``flagged`` are the tasks of
    versions that name another patient than a newer one does.
    """

    supersedes: str | None = None
    superseded_by: str | None = None
    flagged: tuple[str, ...] = ()


def place(filed: Version, chain: Sequence[Version]) -> Placement:
    """Return where ``filed`` belongs in its ``chain``, of which each patient has one version that is not superseded.

    Where the patient differs nothing is superseded. What becomes of a chain does not depend on the order in which its
    versions are filed, as long as a higher number was not written earlier; a sender that counts from one again says
    what it replaces.
    """
    order = Order([*chain, filed])
    same = [version for version in chain if version.nhs_number == filed.nhs_number]
    others = [version for version in chain if version.nhs_number != filed.nhs_number]
    flagged = tuple(version.task_id for version in others if order.is_newer(filed, version))
    if len(flagged) < len(others):
        flagged += (filed.task_id,)
    for version in same:
        if not version.superseded:
            if order.is_newer(filed, version) and not order.is_replaced(filed, same):
                return Placement(supersedes=version.task_id, flagged=flagged)
            return Placement(superseded_by=version.task_id, flagged=flagged)
    return Placement(flagged=flagged)


class Order:
    """Tells of two versions of a consultation which is the newer one."""

    def __init__(self, versions: Sequence[Version]) -> None:
        self._versions = {version.task_id: version for version in versions}

    def is_newer(self, one: Version, other: Version) -> bool:
        """Say whether ``one`` is the newer of two versions.

        What a version replaces, at however many removes, is older. Otherwise the number tells, or else when they were
        written. Of two that were written at the same moment one without a number is the older, then one that replaces
        nothing; in the end the task's id tells, so that the order of arrival never does.
        """
        leads, follows = self._replaces(one, other), self._replaces(other, one)
        if leads != follows:
            return leads
        number, another = self._number(one), self._number(other)
        if number is not None and another is not None and number != another:
            return number > another
        return _written(one) > _written(other)

    def is_replaced(self, version: Version, by: Sequence[Version]) -> bool:
        """Say whether one of the versions in ``by`` says that it replaces ``version``, which does not say the same."""
        return any(each.replaces == version.task_id and not self._replaces(version, each) for each in by)

    def _replaces(self, one: Version, other: Version) -> bool:
        return any(version.task_id == other.task_id for version in self._before(one)[1:])

    def _number(self, version: Version) -> int | None:
        """Return the number by which a version is ordered.

        None is for a sender that counts from one again, as far as can be seen: what is replaced has a number that is
        not lower, or is not here. Then when it was written tells.
        """
        oldest, *later = reversed(self._before(version))
        number = None if oldest.orphaned else oldest.version
        for each in later:
            counts_on = number is not None and each.version is not None and each.version > number
            number = each.version if counts_on else None
        return number

    def _before(self, version: Version) -> list[Version]:
        """Return a version and what it replaces, the newest first; whoever writes a circle gets one round of it."""
        found = {version.task_id: version}
        while (older := self._versions.get(version.replaces or "")) is not None and older.task_id not in found:
            found[older.task_id] = version = older
        return list(found.values())


def _written(version: Version) -> tuple[datetime, int, bool, str]:
    replaces = version.replaces is not None or version.orphaned
    return version.authored_on, version.version or 0, replaces, version.task_id
