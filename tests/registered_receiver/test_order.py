"""The worklist does not depend on the order in which versions arrive, on repetition or on restarts (decision 9)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from registered_receiver import worklist
from registered_receiver.app import MIGRATIONS, SCHEMA
from shared.db import Database
from tests.fakes.mesh import InMemoryMesh
from tests.registered_receiver.arrivals import PATIENTS, Letter, Receiving, Version, play
from tests.registered_receiver.bench import THEM, US

EXAMPLES = 30

VERSIONS = st.lists(
    st.builds(
        Version,
        number=st.sampled_from([1, 2, 2, 3]),
        numbered=st.sampled_from([True, True, False]),
        minute=st.integers(0, 9),
        patient=st.sampled_from(["smith", "smith", *PATIENTS]),
    ),
    min_size=1,
    max_size=4,
    unique=True,
)
COPIES = st.lists(st.sampled_from(["as it is", "other header", "refused"]), max_size=2)
STEPS = st.one_of(
    st.just(("work",)),
    st.tuples(st.just("step"), st.sampled_from(["collect", "process", "reply"])),
    st.tuples(st.just("crash"), st.integers(1, 12), st.booleans()),
    st.just(("restart",)),
    st.tuples(st.just("again"), st.integers(0, 9)),
    st.just(("decide",)),
)


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Letter], list[tuple[Any, ...]]]:
    """Return letters in the order of writing, and the steps of an evening in which they arrive in another."""
    letters = []
    for version in draw(VERSIONS):
        letters += [Letter(version, "as it is")]
        letters += [Letter(version, copy, nth) for nth, copy in enumerate(draw(COPIES), 1)]
    arrivals = [("deliver", letter) for letter in draw(st.permutations(letters))]
    steps: list[tuple[Any, ...]] = []
    for arrival in arrivals:
        steps += [arrival, *draw(st.lists(STEPS, max_size=2))]
    return letters, steps


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file of a migrated database without rows, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "state.sqlite3"
    database = Database(f"sqlite:///{path}", schema=SCHEMA, migrations=MIGRATIONS)
    database.migrate()
    database.close()
    return path


def mesh() -> InMemoryMesh:
    made = InMemoryMesh()
    made.add_mailbox(THEM, ods_code="A81001")
    made.add_mailbox(US, ods_code="B82002")
    return made


def received(empty: Path, steps: list[tuple[Any, ...]]) -> Receiving:
    """Play ``steps`` to a new receiver, to the end."""
    with TemporaryDirectory() as directory:
        path = shutil.copy(empty, directory)
        receiving = Receiving(f"sqlite:///{path}", mesh(), Path(directory))
        play(receiving, steps)
        receiving.finish()
        receiving.seen = (receiving.worklist(), receiving.faults())
        receiving.bench.receiver.close()
    return receiving


@pytest.mark.requirement("GPCM-SD-098", "GPCM-SD-099", "FHIR-RR-05")
def test_any_order_repetition_and_restart_end_in_the_same_worklist_and_one_response_of_each_level(
    empty: Path,
) -> None:
    shares: Counter[str] = Counter()

    @settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=EXAMPLES,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(stories())
    def check(story: tuple[list[Letter], list[tuple[Any, ...]]]) -> None:
        letters, steps = story

        in_order = received(empty, [("deliver", letter) for letter in letters])
        otherwise = received(empty, steps)

        assert in_order.seen[1] == otherwise.seen[1] == []
        assert otherwise.seen[0] == in_order.seen[0]
        shares.update(features(letters, otherwise))

    check()

    # the shares of what was tried, for whoever runs it with -s
    print({feature: f"{100 * count / shares['stories']:.0f} %" for feature, count in sorted(shares.items())})  # noqa: T201
    assert min(shares.values()) >= EXAMPLES // 20, shares


def features(letters: list[Letter], receiving: Receiving) -> set[str]:
    """Return what a story has, so that a test can say that none of it is rare."""
    versions = {letter.version for letter in letters}
    numbers = [version.number for version in versions if version.numbered]
    has = {
        "stories": True,
        "several versions": len(versions) > 1,
        "equal versions": len(set(numbers)) < len(numbers),
        "a version without a number": not all(version.numbered for version in versions),
        "a near miss": any(version.patient in {"smyth", "smythe"} for version in versions),
        "several patients": len({version.patient for version in versions}) > 1,
        "another header": any(letter.copy == "other header" for letter in letters),
        "a refused copy": any(letter.copy == "refused" for letter in letters),
        "a resent message": any(letter.copy == "as it is" and letter.nth for letter in letters),
        "a crash": receiving.crashes > 0,
    }
    return {feature for feature, there in has.items() if there}


FIRST, SECOND, THIRD = (Version(number, True, 0, "smith") for number in (1, 2, 3))
LAST = Version(3, True, 5, "smith")
REWRITTEN = Version(2, True, 5, "smith")
UNNUMBERED = Version(2, False, 7, "smith")
MISSPELT = Version(1, True, 3, "smyth")
ELSEWHERE = Version(2, True, 1, "jones")
ORDERS = {
    "backwards with a resend": [Letter(THIRD, "as it is"), Letter(SECOND, "as it is"), Letter(SECOND, "as it is", 1)],
    "equal versions": [Letter(REWRITTEN, "as it is"), Letter(FIRST, "as it is"), Letter(SECOND, "as it is")],
    "no number": [Letter(UNNUMBERED, "as it is"), Letter(THIRD, "as it is"), Letter(SECOND, "as it is")],
    "repaired": [Letter(SECOND, "refused"), Letter(FIRST, "as it is"), Letter(SECOND, "as it is")],
    "both ids": [Letter(FIRST, "other header"), Letter(FIRST, "as it is"), Letter(FIRST, "as it is", 1)],
    "near miss": [Letter(SECOND, "as it is"), Letter(MISSPELT, "as it is"), Letter(MISSPELT, "other header", 1)],
    "two patients": [
        *(Letter(THIRD, "as it is"), Letter(ELSEWHERE, "as it is")),
        *(Letter(FIRST, "as it is"), Letter(LAST, "as it is")),
    ],
}


@pytest.mark.requirement("GPCM-SD-098", "GPCM-SD-099", "FHIR-RR-05")
@pytest.mark.parametrize("letters", list(ORDERS.values()), ids=list(ORDERS))
def test_fixed_orders_end_alike_on_each_database(receiving: Callable[[], Receiving], letters: list[Letter]) -> None:
    seen = []
    for each in (letters, letters[::-1], letters[1:] + letters[:1]):
        one = receiving()
        for letter in each:
            play(one, [("deliver", letter), ("crash", 5, True), ("again", 0), ("decide",)])
        one.finish()
        seen.append((one.worklist(), one.faults()))

    assert [faults for _, faults in seen] == [[], [], []]
    assert seen[1][0] == seen[2][0] == seen[0][0]


def test_both_payload_identifiers_tell_a_duplicate(receiving: Callable[[], Receiving]) -> None:
    one = receiving()
    play(one, [("deliver", Letter(FIRST, "as it is")), ("work",)])
    play(one, [("deliver", Letter(FIRST, "as it is", 1)), ("deliver", Letter(FIRST, "other header")), ("work",)])

    codes = Counter(message["infrastructure_code"] for message in one.bench.messages())

    assert codes == {"20013": 1, "20007": 1, "20008": 1}
    assert len(one.bench.tasks()) == 1


@pytest.mark.parametrize("newer", [[SECOND, THIRD], [THIRD, SECOND]], ids=["in order", "late"])
def test_the_task_that_stays_says_that_an_earlier_version_was_completed(
    receiving: Callable[[], Receiving], newer: list[Version]
) -> None:
    one = receiving()
    play(one, [("deliver", Letter(FIRST, "as it is")), ("work",)])
    (first,) = one.bench.tasks()
    with one.bench.database.transaction() as session:
        worklist.complete(session, first["task_id"], one.bench.now(), "a person")

    for version in newer:
        play(one, [("deliver", Letter(version, "as it is")), ("work",)])

    (current,) = [task for task in one.bench.tasks() if task["state"] == "open"]
    shown = one.bench.json("tasks", "show", current["task_id"], "--json")
    assert current["version"] == 3
    assert "An earlier version was completed already." in one.bench.command("tasks").output
    assert sorted((each["version"], each["completed_at"] is not None) for each in shown["supersedes"]) == [
        *((1, True), (2, False)),
    ]
    assert all(task["documents"] for task in one.bench.tasks())


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_versions_whose_numbers_and_times_contradict_each_other_are_all_kept_and_one_is_current(
    receiving: Callable[[], Receiving], order: tuple[int, ...]
) -> None:
    # the second was written before the first, and the one without a number between them
    contradictory = [Version(1, True, 40, "smith"), Version(2, False, 10, "smith"), Version(2, True, 0, "smith")]
    one = receiving()

    for index in order:
        play(one, [("deliver", Letter(contradictory[index], "as it is")), ("work",)])

    tasks = one.bench.tasks()
    (current,) = [task for task in tasks if task["state"] == "open"]
    assert {task["superseded_by"] for task in tasks} == {None, current["task_id"]}
    assert (len(tasks), one.faults()) == (3, [])


@pytest.fixture
def receiving(database_url: str, tmp_path: Path) -> Iterator[Callable[[], Receiving]]:
    """Give a maker of receivers with an empty database each."""
    made: list[Receiving] = []

    def make() -> Receiving:
        if made:
            forget(made[-1])
        made.append(Receiving(database_url, mesh(), tmp_path))
        return made[-1]

    yield make
    made[-1].bench.receiver.close()


def forget(receiving: Receiving) -> None:
    """Empty a database so that another receiver finds nothing in it."""
    database = receiving.bench.database
    if database.engine.dialect.name == "postgresql":
        with database.engine.begin() as connection:
            connection.execute(text(f'DROP SCHEMA "{SCHEMA}" CASCADE'))
    receiving.bench.receiver.close()
    if database.engine.dialect.name == "sqlite":
        for file in Path(str(database.engine.url.database)).parent.glob("state.sqlite3*"):
            file.unlink()
