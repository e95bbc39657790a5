from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from registered_receiver.chain import Placement, Version, place

AT = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
SMITH, JONES = "9690937278", "9690937286"


def version(number: int | None, minutes: int = 0, patient: str = SMITH, task_id: str = "") -> Version:
    return Version(task_id or f"v{number}@{minutes}", patient, number, AT + timedelta(minutes=minutes))


def test_the_first_version_changes_nothing() -> None:
    assert place(version(1), []) == Placement()


@pytest.mark.requirement("GPCM-SD-098", "GPCM-SD-099")
def test_a_higher_version_supersedes_a_lower_one() -> None:
    assert place(version(2), [version(1)]) == Placement(supersedes="v1@0")


def test_a_lower_version_that_arrives_late_is_superseded_at_once() -> None:
    assert place(version(1, 5), [version(2)]) == Placement(superseded_by="v2@0")


@pytest.mark.parametrize("number", [1, None])
def test_between_equal_or_unknown_versions_the_later_written_stays_open(number: int | None) -> None:
    early, late = version(number, 0), version(number, 5)

    assert place(late, [early]) == Placement(supersedes=early.task_id)
    assert place(early, [late]) == Placement(superseded_by=late.task_id)


def test_an_unknown_version_is_ordered_by_when_it_was_written() -> None:
    assert place(version(None, 5), [version(3)]) == Placement(supersedes="v3@0")
    assert place(version(3), [version(None, 5)]) == Placement(superseded_by="vNone@5")


def test_of_two_that_nothing_tells_apart_the_one_that_came_last_stays_open() -> None:
    assert place(version(1, task_id="new"), [version(1)]) == Placement(supersedes="v1@0")


def test_versions_that_name_different_patients_supersede_nothing_and_the_older_is_flagged() -> None:
    assert place(version(2, patient=JONES), [version(1)]) == Placement(flagged=("v1@0",))
    assert place(version(1, patient=JONES, task_id="late"), [version(2)]) == Placement(flagged=("late",))


def test_a_corrected_patient_still_supersedes_the_version_that_named_them() -> None:
    placement = place(version(3), [version(1), version(2, patient=JONES)])

    assert placement == Placement(supersedes="v1@0", flagged=("v2@0",))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_whatever_the_order_of_arrival_the_highest_version_stays_open(order: tuple[int, ...]) -> None:
    arriving = [version(number, number) for number in order]
    current: list[Version] = []

    for each in arriving:
        placement = place(each, current)
        current = [other for other in current if other.task_id != placement.supersedes]
        if placement.superseded_by is None:
            current.append(each)

    assert [each.version for each in current] == [3]
