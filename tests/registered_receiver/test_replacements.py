"""A document and the one that it replaces: how each stands decides what people see of both, never which came first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from registered_receiver import flags, process, replacements, worklist
from registered_receiver.flags import Flag
from registered_receiver.states import MessageState
from registered_receiver.tables import Message
from shared.itk3.build import build_report
from shared.itk3.identity import payload_identifier
from shared.itk3.model import Identifier, Organization, ReportMessage
from shared.itk3.payload import Payload
from shared.itk3.payloads import DOCUMENT_1_3_PAYLOAD, DOCUMENT_PAYLOAD, TASK_PAYLOAD
from tests.fakes.mesh import InMemoryMesh
from tests.registered_receiver.arrivals import JONES, PATIENTS
from tests.registered_receiver.bench import THEM, ReceiverBench, person, report
from tests.shared.itk3.examples import Draft

OTHER_CONSULTATION = "5a1f3b8e-0000-4000-8000-000000000001"
MISSPELT = person(family="Smyth")
FIRST = report()


def following(original: ReportMessage, **changes: Any) -> ReportMessage:
    """Return the next version of ``original``, which says that it replaces it."""
    later = report(original.version + 1, consultation_id=original.consultation_id)
    changed = replace(later, **{"replaces": payload_identifier(original.report_id), **changes})
    return replace(
        changed, report_id=str(uuid5(NAMESPACE_URL, f"{later.report_id} {sorted(map(str, changes.items()))}"))
    )


class Practice:
    """A receiver that documents are sent to, and what its people see."""

    def __init__(self, receiver: ReceiverBench) -> None:
        self.receiver = receiver

    def gets(self, message: ReportMessage | bytes, *, sender: str = THEM, payload: Payload = DOCUMENT_PAYLOAD) -> str:
        """Take a document and deal with it; return the code or codes that it was answered with."""
        body = message if isinstance(message, bytes) else build_report(message, payload)
        mesh_id = self.receiver.deliver(body, subject="", sender=sender)
        self.receiver.pass_time(seconds=10)
        self.receiver.once()
        record = next(each for each in self.receiver.messages() if each["mesh_message_id"] == mesh_id)
        return " ".join(filter(None, (record["infrastructure_code"], record["business_code"])))

    def decides(self, *, whom: int | None) -> None:
        """Decide the one review."""
        (review,) = self.receiver.reviews()
        choice = ["reject", review["review_id"], "--reason", "nobody of that name"]
        if whom is not None:
            choice = ["match", review["review_id"], "--candidate", str(whom)]
        result = self.receiver.command("reviews", *choice)
        assert result.exit_code == 0, result.output
        self.receiver.once()

    def sees(self) -> dict[int, tuple[str, set[Flag]]]:
        """Return, by version, each task's state and what stands with it."""
        with self.receiver.database.snapshot() as session:
            return {
                task.version or 0: (str(task.state), {flag for flag in Flag if flag in (task.flag or "")})
                for task in worklist.listing(session)
            }

    def alerts(self) -> list[tuple[str, str, str | None]]:
        """Return the kind, the version or "message" that it is about, and the code of each open alert."""
        about = {task["task_id"]: str(task["version"]) for task in self.receiver.tasks()}
        opened = self.receiver.alerts()
        return [(alert["kind"], about.get(alert["subject_id"], "message"), alert["code"]) for alert in opened]


@pytest.fixture
def practice(receiver: ReceiverBench, mesh: InMemoryMesh) -> Practice:
    mesh.add_mailbox("CEDARMB1", ods_code="C83003")
    receiver.know(JONES)
    return Practice(receiver)


# How an original is named.

HOW_NAMED: dict[str, Callable[[Draft], str]] = {
    "payload identifier": lambda _: f" urn:uuid:{payload_identifier(FIRST.report_id).upper()} ",
    "message header": lambda sent: sent.find("//f:MessageHeader/f:id")[0].get("value").upper(),
    "payload bundle": lambda sent: f"URN:UUID:{sent.find('//f:Bundle//f:Bundle/f:id')[0].get('value')}",
    "message bundle": lambda sent: sent.find("/f:Bundle/f:id")[0].get("value"),
    "composition": lambda sent: sent.find("//f:Composition/f:id")[0].get("value"),
    "composition identifier": lambda _: "urn:oid:1.2.826.0.1",
    "consultation": lambda _: FIRST.consultation_id.upper(),
}


@pytest.mark.requirement("1.3/GPCM-SD-123", "1.3/GPCM-SD-126")
def test_an_original_is_found_by_whatever_names_it_however_that_is_written(practice: Practice) -> None:
    for number, how in enumerate(HOW_NAMED.values()):
        consultation = str(uuid5(NAMESPACE_URL, str(number)))
        first = replace(FIRST, consultation_id=consultation, report_id=str(uuid5(NAMESPACE_URL, f"{number} first")))
        sent = Draft(build_report(first, DOCUMENT_PAYLOAD))
        sent.set("//f:Composition/f:identifier/f:value", "1.2.826.0.1")
        practice.gets(sent.body)
        name = how(sent).replace(FIRST.consultation_id.upper(), consultation.upper())
        if list(HOW_NAMED)[number] == "payload identifier":
            name = payload_identifier(first.report_id).upper()
        later = following(first, replaces=name, version=1)

        answered = practice.gets(later)

        tasks = [task for task in practice.receiver.tasks() if task["consultation_id"] == consultation]
        assert (answered, [task["state"] for task in tasks]) == ("20013 30001", ["open", "superseded"]), number
    assert practice.alerts() == []


def test_a_name_of_another_system_is_another_name(practice: Practice) -> None:
    first = Draft(build_report(FIRST, DOCUMENT_PAYLOAD))
    first.set("//f:Composition/f:identifier/f:value", "17")
    first.set("//f:Composition/f:identifier/f:system", "http://a.example")
    later = Draft(build_report(following(FIRST, replaces="17"), DOCUMENT_PAYLOAD))
    later.set("//f:targetIdentifier/f:system", "http://b.example")

    practice.gets(first.body)
    practice.gets(later.body)

    assert practice.sees()[2] == ("open", {Flag.ORIGINAL_ABSENT})


# How the original stands when its replacement comes, and afterwards.


@pytest.mark.requirement("1.3/GPCM-SD-126")
def test_of_an_original_that_is_not_here_people_are_told_until_it_comes(practice: Practice) -> None:
    practice.gets(following(FIRST))
    alone = practice.sees()

    practice.gets(FIRST)

    assert alone == {2: ("open", {Flag.ORIGINAL_ABSENT})}
    assert practice.sees() == {1: ("superseded", set()), 2: ("open", set())}
    assert practice.alerts() == []


def test_an_original_that_was_refused_is_not_here(practice: Practice) -> None:
    refused = Draft(build_report(FIRST, DOCUMENT_PAYLOAD))
    refused.set("//f:Composition/f:status", "preliminary")

    assert practice.gets(refused.body) == "20009"
    assert practice.gets(following(FIRST)) == "20013 30001"
    assert practice.sees() == {2: ("open", {Flag.ORIGINAL_ABSENT})}


@pytest.mark.parametrize(
    ("whom", "ends"),
    [
        (1, {1: ("superseded", set()), 2: ("open", set())}),
        (None, {2: ("open", {Flag.ORIGINAL_NOT_FILED})}),
    ],
)
def test_an_original_in_review_is_told_of_and_placed_once_it_is_decided(
    practice: Practice, whom: int | None, ends: dict[int, tuple[str, set[Flag]]]
) -> None:
    practice.gets(replace(FIRST, patient=MISSPELT))
    practice.gets(following(FIRST))
    waiting = practice.sees()

    practice.decides(whom=whom)

    assert waiting == {2: ("open", {Flag.ORIGINAL_WAITS})}
    assert practice.sees() == ends
    # what came after the decision is told the same
    assert practice.gets(following(FIRST, version=3)) == "20013 30001"
    assert practice.sees()[3] == ("open", ends[2][1])
    assert practice.alerts() == []


def test_one_decision_places_an_original_and_its_replacement_alike(practice: Practice) -> None:
    for message in (following(FIRST, patient=MISSPELT), replace(FIRST, patient=MISSPELT)):
        practice.gets(message)
    review, _ = practice.receiver.reviews()

    practice.receiver.command("reviews", "match", review["review_id"], "--candidate", "1")

    assert practice.sees() == {1: ("superseded", set()), 2: ("open", set())}
    assert practice.alerts() == []


@pytest.mark.parametrize("whom", [1, None])
@pytest.mark.parametrize("replacement_first", [False, True])
def test_a_replacement_in_review_is_told_of_at_its_original(
    practice: Practice, whom: int | None, replacement_first: bool
) -> None:
    later = following(FIRST, patient=MISSPELT)
    for message in (later, FIRST) if replacement_first else (FIRST, later):
        practice.gets(message)
    waiting = practice.sees()

    practice.decides(whom=whom)

    assert waiting == {1: ("open", {Flag.REPLACEMENT_WAITS})}
    if whom is not None:
        assert practice.sees() == {1: ("superseded", set()), 2: ("open", set())}
        assert practice.alerts() == []
    else:
        assert practice.sees() == {1: ("open", {Flag.REPLACEMENT_NOT_FILED})}
        assert practice.alerts() == [("replacement_failed", "1", "30002")]


def test_of_two_replacements_the_one_that_waits_is_told_of_though_the_other_was_refused(practice: Practice) -> None:
    practice.gets(FIRST)
    practice.gets(following(FIRST, patient=MISSPELT))

    assert practice.gets(following(FIRST, consultation_id=OTHER_CONSULTATION)) == "20014"
    both = practice.sees()
    practice.decides(whom=None)

    assert both == {1: ("open", {Flag.REPLACEMENT_WAITS, Flag.DISTRUSTED})}
    assert practice.sees() == {1: ("open", {Flag.REPLACEMENT_NOT_FILED, Flag.DISTRUSTED})}


def test_an_original_that_comes_after_its_replacement_was_not_filed_says_so(practice: Practice) -> None:
    practice.gets(following(FIRST, patient=MISSPELT))
    practice.decides(whom=None)

    practice.gets(FIRST)

    assert practice.sees() == {1: ("open", {Flag.REPLACEMENT_NOT_FILED})}
    assert practice.alerts() == [("replacement_failed", "1", "30002")]


def test_an_original_that_was_set_aside_is_told_of_until_it_is_filed(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the index is broken")

    monkeypatch.setattr(process, "look_up", fails)
    practice.gets(FIRST)
    # the second try judges on its own
    practice.receiver.pass_time(minutes=1)
    practice.receiver.once()
    monkeypatch.undo()

    assert practice.gets(following(FIRST)) == "20013 30001"
    waiting = practice.sees()
    practice.receiver.pass_time(hours=1)
    practice.receiver.once()

    assert waiting == {2: ("open", {Flag.ORIGINAL_WAITS})}
    assert practice.sees() == {1: ("superseded", set()), 2: ("open", set())}


# What is refused with 20014.

CEDAR = Organization("C83003", "Cedar Surgery", "01632 960030")
REFUSED = {
    "another consultation": {"consultation_id": OTHER_CONSULTATION},
    "another patient": {"patient": PATIENTS["jones"]},
    "another practice": {"sender": CEDAR},
}


@pytest.mark.requirement("1.3/GPCM-SD-127", "2.0/GPCM-SD-128")
@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_a_refused_replacement_flags_its_original_and_not_what_took_its_place(
    practice: Practice, changes: dict[str, Any]
) -> None:
    practice.gets(FIRST)
    practice.gets(replace(following(FIRST), replaces=None))

    assert practice.gets(following(FIRST, **changes)) == "20014"

    assert practice.sees() == {1: ("superseded", {Flag.DISTRUSTED}), 2: ("open", set())}
    assert practice.alerts() == [("replacement_failed", "1", "20014")]


@pytest.mark.requirement("1.3/GPCM-SD-127")
@pytest.mark.parametrize("whom", [1, None])
def test_of_an_original_in_review_an_alert_tells_that_its_replacement_was_refused_and_then_its_task_does(
    practice: Practice, whom: int | None
) -> None:
    practice.gets(replace(FIRST, patient=MISSPELT))

    assert practice.gets(following(FIRST, consultation_id=OTHER_CONSULTATION)) == "20014"

    assert practice.alerts() == [("replacement_failed", "message", "20014")]
    practice.decides(whom=whom)
    if whom is not None:
        assert practice.sees() == {1: ("open", {Flag.DISTRUSTED})}
        assert practice.alerts() == [("replacement_failed", "1", "20014")]
    else:
        assert practice.alerts() == [("replacement_failed", "message", "20014")]


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_what_would_have_been_refused_after_its_original_is_flagged_with_it_when_it_came_before(
    practice: Practice, changes: dict[str, Any]
) -> None:
    assert practice.gets(following(FIRST, **changes)) == "20013 30001"

    assert practice.gets(FIRST) == "20013 30001"

    seen = practice.sees()
    assert [(state, bool(flags)) for state, flags in seen.values()] == [("open", True)] * 2
    assert Flag.DISTRUSTED in seen[1][1]
    assert Flag.MISDIRECTED in seen[2][1]
    assert ("replacement_failed", "1", None) in practice.alerts()


# on SQLite one process at a time writes
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_another_process_wrote_on_a_task_meanwhile_stays(practice: Practice) -> None:
    practice.gets(FIRST)
    mesh_id = practice.receiver.only()["mesh_message_id"]
    practice.gets(following(FIRST, patient=MISSPELT))
    (review,) = practice.receiver.reviews()
    database, target = practice.receiver.database, Identifier(payload_identifier(FIRST.report_id))

    with database.transaction() as session:
        seen = worklist.of_message(session, mesh_id)
        assert seen is not None
        waiting = session.get_one(Message, review["mesh_message_id"])
        with database.transaction() as other:
            flags.put(worklist.find(other, seen.task_id), Flag.OTHER_MAILBOX)
        waiting.state = MessageState.UNMATCHED
        replacements.settle(session, waiting, target, practice.receiver.now())

    assert practice.sees()[1] == ("open", {Flag.OTHER_MAILBOX, Flag.REPLACEMENT_NOT_FILED})


# Strangers.


def test_nobody_replaces_the_document_of_another_mailbox(practice: Practice) -> None:
    practice.gets(FIRST)
    stranger = following(FIRST, sender=CEDAR, sender_mailbox="CEDARMB1")

    assert practice.gets(stranger, sender="CEDARMB1") == "20013 30001"

    assert practice.sees() == {1: ("open", set()), 2: ("open", {Flag.ORIGINAL_ABSENT})}


def test_a_message_without_a_sender_names_nothing(practice: Practice) -> None:
    for message in (FIRST, following(FIRST, consultation_id=OTHER_CONSULTATION)):
        practice.receiver.deliver(build_report(message, DOCUMENT_PAYLOAD), subject="", sender="")

    practice.receiver.once()

    assert practice.sees() == {1: ("open", set()), 2: ("open", {Flag.ORIGINAL_ABSENT})}


def test_the_same_ids_from_two_mailboxes_are_two_documents(practice: Practice) -> None:
    practice.gets(FIRST)

    assert practice.gets(replace(FIRST, sender=CEDAR, sender_mailbox="CEDARMB1"), sender="CEDARMB1") == "20013 30001"
    assert [task["state"] for task in practice.receiver.tasks()] == ["open", "open"]
    assert practice.gets(following(FIRST)) == "20013 30001"
    states = sorted((task["version"], task["state"]) for task in practice.receiver.tasks())
    assert states == [(1, "open"), (1, "superseded"), (2, "open")]


def test_a_version_from_another_mailbox_takes_the_place_and_says_so(practice: Practice) -> None:
    practice.gets(FIRST)

    practice.gets(replace(following(FIRST), replaces=None, sender_mailbox="CEDARMB1"), sender="CEDARMB1")

    assert practice.sees() == {1: ("superseded", {Flag.OTHER_MAILBOX}), 2: ("open", {Flag.OTHER_MAILBOX})}


# Odd documents.

OWN: dict[str, Callable[[Draft], str]] = {
    "payload identifier": lambda sent: sent.find("//f:Bundle//f:Bundle/f:identifier/f:value")[0].get("value").upper(),
    **{name: HOW_NAMED[name] for name in ("message header", "payload bundle", "message bundle")},
}


@pytest.mark.requirement("1.3/GPCM-SD-132")
def test_a_document_that_replaces_itself_is_refused_whatever_it_calls_itself(practice: Practice) -> None:
    answered = set()
    for how in OWN.values():
        sent = Draft(build_report(following(FIRST), DOCUMENT_PAYLOAD))
        sent.set("//f:targetIdentifier/f:value", how(sent))
        answered.add(practice.gets(sent.body))

    assert answered == {"20009"}
    assert practice.sees() == {}


def test_documents_that_replace_each_other_end_with_the_newer_in_any_order(practice: Practice) -> None:
    for consultation, order in (("one", (1, 2)), ("other", (2, 1))):
        ids = {number: str(uuid5(NAMESPACE_URL, f"{consultation}{number}")) for number in (1, 2)}
        for number in order:
            message = report(number, consultation_id=consultation, replaces=payload_identifier(ids[3 - number]))
            assert practice.gets(replace(message, report_id=ids[number])) == "20013 30001"

    states = sorted((task["consultation_id"], task["version"], task["state"]) for task in practice.receiver.tasks())
    assert states == [(name, *each) for name in ("one", "other") for each in ((1, "superseded"), (2, "open"))]
    assert [flags for _, flags in practice.sees().values()] == [set(), set()]


def test_a_name_that_every_version_bears_names_the_one_before(practice: Practice) -> None:
    bodies = []
    for version in (1, 2, 3):
        message = report(version, replaces="the document" if version > 1 else None)
        sent = Draft(build_report(message, DOCUMENT_PAYLOAD))
        sent.set("//f:Composition/f:identifier/f:value", "the document")
        bodies.append(sent.body)

    for body in (bodies[0], bodies[2], bodies[1]):
        assert practice.gets(body) == "20013 30001"

    assert practice.sees() == {1: ("superseded", set()), 2: ("superseded", set()), 3: ("open", set())}


@pytest.mark.requirement("GPCM-SD-098", "GPCM-SD-099")
@pytest.mark.parametrize("name", ["consultation", "composition"])
@pytest.mark.parametrize("order", [(2, 3), (3, 2)])
def test_a_later_version_is_not_the_original_of_a_name_that_every_version_bears(
    practice: Practice, name: str, order: tuple[int, int]
) -> None:
    bodies = {}
    for number in (1, 2, 3):
        means = FIRST.consultation_id if name == "consultation" else "the document"
        message = report(number, replaces=means if number == 2 else None)
        is_task = name == "consultation" and number == 3
        sent = Draft(build_report(message, TASK_PAYLOAD if is_task else DOCUMENT_PAYLOAD))
        if name == "composition":
            sent.set("//f:Composition/f:identifier/f:value", "the document")
        bodies[number] = sent.body
    late = {2: ("superseded", {Flag.ORIGINAL_ABSENT}), 3: ("open", set())}

    for number in order:
        assert practice.gets(bodies[number]) == "20013 30001"
    without_first = practice.sees()
    practice.gets(bodies[1])

    # what came before it is taken for the original
    assert without_first == (late if order == (2, 3) else late | {2: ("superseded", set())})
    assert practice.sees() == {1: ("superseded", set()), 2: ("superseded", set()), 3: ("open", set())}
    assert practice.alerts() == []


def test_an_original_by_a_name_that_every_version_bears_is_found_in_the_reviews_too(practice: Practice) -> None:
    practice.gets(report(2, replaces=FIRST.consultation_id))

    practice.gets(replace(FIRST, patient=MISSPELT))

    assert practice.sees() == {2: ("open", {Flag.ORIGINAL_WAITS})}


def test_a_document_that_was_put_off_is_judged_by_what_came_before_it_and_not_by_what_came_since(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the rules are broken")

    practice.gets(FIRST)
    monkeypatch.setattr(process, "validate", fails)
    practice.gets(report(2, replaces=FIRST.consultation_id))
    monkeypatch.undo()
    practice.gets(report(3, sender=CEDAR))

    practice.receiver.pass_time(hours=1)
    practice.receiver.once()

    assert practice.sees() == {1: ("superseded", set()), 2: ("open", set()), 3: ("open", set())}
    assert practice.alerts() == []


def test_a_document_that_was_put_off_and_is_refused_has_no_original_that_came_since(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the rules are broken")

    broken = Draft(build_report(report(2, replaces=FIRST.consultation_id), DOCUMENT_PAYLOAD))
    broken.set("//f:Composition/f:date", "yesterday")
    monkeypatch.setattr(process, "validate", fails)
    practice.gets(broken.body)
    monkeypatch.undo()
    practice.gets(report(3))

    practice.receiver.pass_time(hours=1)
    practice.receiver.once()

    assert practice.receiver.messages("rejected")[0]["infrastructure_code"] == "20009"
    assert practice.sees() == {3: ("open", set())}


def test_a_name_that_several_consultations_bear_names_none_of_them(practice: Practice) -> None:
    for consultation in ("one", "other"):
        sent = Draft(build_report(report(consultation_id=consultation), DOCUMENT_PAYLOAD))
        sent.set("//f:Composition/f:identifier/f:value", "1")
        practice.gets(sent.body)

    assert practice.gets(report(7, consultation_id="third", replaces="1")) == "20013 30001"

    assert practice.sees() == {1: ("open", set()), 7: ("open", {Flag.ORIGINAL_ABSENT})}
    assert practice.alerts() == []


def test_an_id_in_other_letters_is_the_same_id_and_a_reference_the_same_consultation(practice: Practice) -> None:
    practice.gets(FIRST)
    again = Draft(build_report(FIRST, DOCUMENT_PAYLOAD))
    again.set("//f:Bundle//f:Bundle/f:identifier/f:value", f"urn:uuid:{payload_identifier(FIRST.report_id).upper()}")
    again.set("//f:MessageHeader/f:id", "0e1f7a52-51c9-4b1a-8a63-1d0c43a7be11")
    again.set("/f:Bundle/f:entry[1]/f:fullUrl", "urn:uuid:0e1f7a52-51c9-4b1a-8a63-1d0c43a7be11")

    assert practice.gets(again.body) == "20008"
    assert practice.gets(report(2, consultation_id=f"urn:uuid:{FIRST.consultation_id.upper()}")) == "20013 30001"
    assert practice.sees() == {1: ("superseded", set()), 2: ("open", set())}


# Every order of arrival.

KINDS: dict[str, tuple[Payload, Payload, Payload]] = {
    "tasks": (TASK_PAYLOAD,) * 3,
    "documents": (DOCUMENT_PAYLOAD,) * 3,
    "a task, then documents": (TASK_PAYLOAD, DOCUMENT_1_3_PAYLOAD, DOCUMENT_PAYLOAD),
    "counting from one again": (TASK_PAYLOAD, TASK_PAYLOAD, DOCUMENT_PAYLOAD),
}


@pytest.mark.requirement("GPCM-SD-098", "GPCM-SD-099", "1.3/GPCM-SD-126", "2.0/GPCM-SD-129")
@pytest.mark.parametrize("kind", KINDS)
def test_in_every_order_of_arrival_the_last_of_three_versions_is_the_one_current_task(
    receiver: ReceiverBench, kind: str
) -> None:
    last = {}
    for order in permutations(range(3)):
        versions = three_versions(kind, f"{kind} {order}")
        last[versions[2].consultation_id] = versions[2].version
        for place in order:
            receiver.deliver(build_report(versions[place], KINDS[kind][place]), subject="")
            receiver.pass_time(seconds=1)

    receiver.once()

    tasks = receiver.tasks()
    current = {task["consultation_id"]: task for task in tasks if task["state"] == "open"}
    assert {name: task["version"] for name, task in current.items()} == last
    assert (len(tasks), len(current)) == (18, 6)
    assert {task["superseded_by"] for task in tasks} == {None, *(task["task_id"] for task in current.values())}
    assert set(receiver.answers()) == {"20013", "30001"}
    assert receiver.alerts() == []
    assert [note for _, note in receiver.receiver.desk.tasks() if note] == []


def three_versions(kind: str, name: str) -> list[ReportMessage]:
    """Return three versions of a consultation, each of which names the one before where its payload can."""
    versions: list[ReportMessage] = []
    for place in range(3):
        version = report(place + 1, consultation_id=str(uuid5(NAMESPACE_URL, name)))
        before = payload_identifier(versions[-1].report_id) if versions else None
        number = 1 if kind == "counting from one again" and place == 2 else version.version
        versions.append(replace(version, version=number, replaces=before))
    return versions
