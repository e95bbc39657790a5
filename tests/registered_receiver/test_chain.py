from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registered_receiver.chain import Order, Placement, Version, place

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
    one, other = version(1), version(None)
    order = Order([one, other])

    assert order.is_newer(one, other)
    assert not order.is_newer(other, one)


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


def _as_far_as_is_here(version: Version, filed: dict[str, Version]) -> Version:
    if version.replaces is None or version.replaces in filed:
        return version
    return replace(version, replaces=None, orphaned=True)


def file_all(arriving: list[Version]) -> tuple[dict[str, str | None], set[str]]:
    """File versions one by one; return who gave way to whom, and who is flagged."""
    filed: dict[str, Version] = {}
    gave_way: dict[str, str | None] = {}
    flagged: set[str] = set()
    for each in arriving:
        filed[each.task_id] = each
        *chain, arrived = (_as_far_as_is_here(each, filed) for each in filed.values())
        placement = place(arrived, chain)
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
    task, document = version(3, 0), replace(version(1, 60), replaces="v3@0")

    assert place(document, [replace(version(1, -60), superseded=True), task]) == Placement(supersedes="v3@0")
    assert place(task, [document]) == Placement(superseded_by="v1@60")
    # at two removes
    assert place(replace(version(1, 70), replaces="v1@60"), [replace(document, superseded=True), task]).supersedes


def test_a_number_below_that_of_what_is_replaced_or_not_here_is_not_compared_but_the_time_of_writing() -> None:
    known = [replace(version(3, 0), superseded=True), replace(version(1, 60), replaces="v3@0")]
    orphan = replace(version(1, 60), orphaned=True)

    for chain in (known, [orphan]):
        assert place(version(2, -30), chain) == Placement(superseded_by="v1@60")
        assert place(version(4, 30), chain) == Placement(superseded_by="v1@60")
        assert place(version(2, 90), chain) == Placement(supersedes="v1@60")


@pytest.mark.parametrize("ids", list(permutations("abc")))
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_versions_of_one_day_the_last_correction_stays_open_though_what_it_corrects_is_not_here(
    ids: tuple[str, ...], order: tuple[int, ...]
) -> None:
    first, second, third = ids
    # the one between was not filed
    orphan = replace(version(None, task_id=third), replaces=second)
    whole = [version(None, task_id=first), orphan, version(None, -60, task_id="0")]

    gave_way, _ = file_all([whole[place_] for place_ in order])

    assert gave_way == {first: third, "0": third, third: None}


def test_what_was_replaced_never_becomes_current_again_and_a_circle_decides_nothing() -> None:
    gone = replace(version(1, 10, task_id="gone"), superseded=True, replaces="late")
    one, other = replace(version(1), replaces="v2@0"), replace(version(2), replaces="v1@0")

    assert place(version(9, task_id="late"), [gone, version(2, 20)]) == Placement(superseded_by="v2@20")
    assert place(one, [other]) == Placement(superseded_by="v2@0")
    assert place(other, [one]) == Placement(supersedes="v1@0")
    assert place(replace(version(3), replaces="v3@0"), [version(2)]) == Placement(supersedes="v2@0")


replaced = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=5)


@settings(deadline=None, derandomize=True, database=None)
@given(replaced, st.randoms(use_true_random=False))
def test_a_sender_that_counts_from_one_again_ends_with_its_last_word_in_any_order(
    written: list[tuple[bool, bool]], random: Random
) -> None:
    versions: list[Version] = []
    for place_, (says, anew) in enumerate(written):
        before = versions[-1] if versions else None
        # whoever counts from one again says what it replaces
        number = 1 if before is None or anew else (before.version or 0) + 1
        target = before.task_id if before is not None and (says or anew) else None
        versions.append(replace(version(number, 10 * place_, task_id=f"{place_}"), replaces=target))
    whole = random.sample(versions, len(versions))

    gave_way, flagged = file_all(whole)

    last = versions[-1].task_id
    assert gave_way == {each.task_id: None if each.task_id == last else last for each in versions}
    assert flagged == set()
