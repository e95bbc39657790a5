from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registered_receiver.chain import Placement, Version, is_newer, place

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


def test_of_two_written_at_once_the_one_without_a_number_is_the_older() -> None:
    assert is_newer(version(1), version(None))
    assert not is_newer(version(None), version(1))


def test_of_two_that_nothing_else_tells_apart_the_id_tells_and_not_the_order_of_arrival() -> None:
    one, other = version(1, task_id="a"), version(1, task_id="b")

    assert place(one, [other]) == Placement(superseded_by="b")
    assert place(other, [one]) == Placement(supersedes="a")


def test_versions_that_name_different_patients_supersede_nothing_and_the_older_is_flagged() -> None:
    assert place(version(2, patient=JONES), [version(1)]) == Placement(flagged=("v1@0",))
    assert place(version(1, patient=JONES, task_id="late"), [version(2)]) == Placement(flagged=("late",))


def test_a_corrected_patient_still_supersedes_the_version_that_named_them() -> None:
    placement = place(version(3), [version(1), version(2, patient=JONES)])

    assert placement == Placement(supersedes="v1@0", flagged=("v2@0",))


def test_a_version_between_two_is_flagged_and_flags_as_if_it_had_come_in_order() -> None:
    filed = [replace(version(1), superseded=True), version(3)]

    assert place(version(2, patient=JONES, task_id="late"), filed) == Placement(flagged=("v1@0", "late"))


numbered = st.builds(
    lambda number, known, minutes, patient: version(
        number if known else None, 10 * number + minutes, patient, f"{number}{known}{minutes}{patient}"
    ),
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 9),
    st.sampled_from([SMITH, JONES]),
)


def file_all(arriving: list[Version]) -> tuple[dict[str, str | None], set[str]]:
    """File versions one by one; return who gave way to whom, and who is flagged."""
    filed: dict[str, Version] = {}
    gave_way: dict[str, str | None] = {}
    flagged: set[str] = set()
    for each in arriving:
        placement = place(each, list(filed.values()))
        filed[each.task_id] = replace(each, superseded=placement.superseded_by is not None)
        gave_way[each.task_id] = placement.superseded_by
        if placement.supersedes is not None:
            filed[placement.supersedes] = replace(filed[placement.supersedes], superseded=True)
            for older in (placement.supersedes, *(key for key, by in gave_way.items() if by == placement.supersedes)):
                gave_way[older] = each.task_id
        flagged |= set(placement.flagged)
    return gave_way, flagged


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(numbered, unique_by=lambda each: each.task_id, max_size=6), st.randoms(use_true_random=False))
def test_whatever_the_order_of_arrival_the_chain_becomes_the_same(versions: list[Version], random: Random) -> None:
    shuffled = random.sample(versions, len(versions))

    assert file_all(shuffled) == file_all(versions)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_whatever_the_order_of_arrival_the_highest_version_stays_open(order: tuple[int, ...]) -> None:
    gave_way, flagged = file_all([version(number, number) for number in order])

    assert gave_way == {"v0@0": "v3@3", "v1@1": "v3@3", "v2@2": "v3@3", "v3@3": None}
    assert flagged == set()


def test_what_a_version_says_that_it_replaces_is_older_whatever_the_numbers_say() -> None:
    task, document = version(3, 0), version(1, 60)
    chain = [replace(version(1, -60), superseded=True), task]

    assert place(document, chain, replaces=task.task_id) == Placement(supersedes="v3@0")
    # another version stays the newest when that is not the one that is replaced
    assert place(document, [replace(task, superseded=True), version(4)], task.task_id).superseded_by == "v4@0"


def test_a_version_that_is_late_behind_one_that_was_replaced_by_a_lower_number_is_superseded() -> None:
    chain = [replace(version(3, 0), superseded=True), version(1, 60)]

    assert place(version(2, -30), chain) == Placement(superseded_by="v1@60")
    assert place(version(2, 90), chain) == Placement(supersedes="v1@60")
