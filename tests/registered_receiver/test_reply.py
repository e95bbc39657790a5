from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, text

from registered_receiver import response_queue
from registered_receiver.tables import Response
from shared.errors import MeshForbidden, MeshUnavailable, MeshUnreachable
from shared.meanings.catalogue import meaning_of
from shared.mesh.connection import LONGEST_CALL
from tests.fakes.mesh_faults import Serve, answer, connection_refused, reset_before, timeout_after, timeout_before
from tests.registered_receiver.bench import THEM, US, ReceiverBench, report
from tests.registered_receiver.conftest import MakeReceiver

POST = "outbox$"


@pytest.fixture
def owing(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver that filed a report and has not answered yet."""
    receiver.deliver(report())
    receiver.step("collect")
    receiver.step("process")
    return receiver


def test_an_outage_never_judges_or_files_again_and_both_responses_go_out_afterwards(owing: ReceiverBench) -> None:
    owing.mesh.down()
    assert not owing.once()
    assert not owing.once()
    owing.mesh.up()

    assert owing.once()

    assert owing.answers() == ["20013", "30001"]
    assert len(owing.tasks()) == 1
    assert owing.timeline(owing.only()["mesh_message_id"]).count("accepted") == 1


def test_the_infrastructure_response_goes_before_the_business_response(owing: ReceiverBench) -> None:
    owing.mesh.fail_next("POST", POST, timeout_after)
    with pytest.raises(MeshUnavailable):
        owing.step("reply")

    assert owing.step("reply") == 0

    assert owing.answers() == ["20013"]
    owing.pass_time(minutes=1)
    owing.once()
    assert owing.answers() == ["20013", "30001"]


def test_a_response_that_mesh_took_without_saying_so_is_adopted_and_not_sent_again(owing: ReceiverBench) -> None:
    owing.mesh.fail_next("POST", POST, timeout_after)
    owing.once()
    owing.pass_time(minutes=1)

    owing.once()

    assert owing.answers() == ["20013", "30001"]
    shown = owing.json("show", owing.only()["mesh_message_id"], "--json")
    assert [response["mesh_message_id"] for response in shown["record"]["responses"]] == [
        post.message_id for post in owing.posts()
    ]


def test_a_response_that_mesh_did_not_take_is_sent_with_the_same_bytes_after_a_pause(owing: ReceiverBench) -> None:
    owing.mesh.fail_next("POST", POST, reset_before)
    owing.once()
    assert owing.answers() == []
    owing.pass_time(minutes=1)

    owing.once()

    assert owing.answers() == ["20013", "30001"]
    assert len({post.local_id for post in owing.posts()}) == 2


def test_a_crash_between_the_post_and_the_commit_sends_nothing_twice(
    owing: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(response_queue, "mark_sent", crash)
        with pytest.raises(KeyboardInterrupt):
            owing.step("reply")
    assert owing.answers() == ["20013", "30001"]

    owing.pass_time(minutes=20)
    owing.once()

    assert owing.answers() == ["20013", "30001"]
    assert owing.timeline(owing.only()["mesh_message_id"]).count("response_sent") == 2


def test_a_refused_response_is_parked_with_an_alert_and_holds_the_other_one_up_no_longer(
    owing: ReceiverBench,
) -> None:
    mesh_id = owing.only()["mesh_message_id"]
    owing.mesh.fail_next("POST", POST, answer(417, b'{"detail":[{"event":"SEND","code":"12","msg":"Unregistered"}]}'))

    assert owing.once()

    assert owing.answers() == ["30001"]
    (alert,) = owing.alerts()
    assert (alert["kind"], alert["subject_id"], alert["code"]) == ("response_parked", mesh_id, "12")
    assert owing.command("retry", mesh_id).exit_code == 0
    owing.once()
    assert owing.answers() == ["30001", "20013"]
    assert owing.alerts() == []


def test_the_alert_about_a_response_that_mesh_cannot_route_says_which_what_the_code_means_and_what_to_do(
    receiver: ReceiverBench,
) -> None:
    # MESH knows no such mailbox: it says no to each POST, and once more by a report about it
    mesh_id = receiver.deliver(report(sender_mailbox="GONEMB1"), sender="GONEMB1")

    assert receiver.once()
    assert receiver.once()

    assert receiver.posts() == []
    (alert,) = receiver.alerts()
    assert (alert["kind"], alert["subject_id"], alert["code"]) == ("response_parked", mesh_id, "12")
    assert f"The infrastructure response 20013 to MESH message {mesh_id} could not be sent" in alert["text"]
    assert str(meaning_of("12")) in alert["text"]
    assert "Telephone the sending practice" in alert["action"]
    assert f"`retry {mesh_id}`" in alert["action"]
    assert receiver.timeline(mesh_id).count("response_undelivered") == 2
    assert receiver.mesh.inbox(US) == []
    # the worklist does not wait for it
    assert receiver.tasks()[0]["state"] == "open"


def test_a_response_that_was_set_aside_goes_out_once_mesh_knows_the_mailbox(receiver: ReceiverBench) -> None:
    mesh_id = receiver.deliver(report(sender_mailbox="GONEMB1"), sender="GONEMB1")
    receiver.once()
    receiver.mesh.add_mailbox("GONEMB1")

    receiver.command("retry", mesh_id)
    receiver.once()

    assert sorted(receiver.answers()) == ["20013", "30001"]
    assert {post.recipient for post in receiver.posts()} == {"GONEMB1"}
    assert receiver.alerts() == []


def test_a_response_that_mesh_refused_goes_out_again_as_another_send_and_is_not_looked_up(
    owing: ReceiverBench,
) -> None:
    mesh_id = owing.only()["mesh_message_id"]
    owing.mesh.fail_next("POST", POST, answer(417, b'{"detail":[{"event":"SEND","code":"12","msg":"Unregistered"}]}'))
    owing.once()
    refused = next(each for each in owing.json("show", mesh_id, "--json")["record"]["responses"] if each["parked_at"])
    # MESH may keep what it refused under its local id: to find that there must not count as a delivery
    owing.mesh.put(THEM, b"", sender=US, local_id=refused["local_id"])

    owing.command("retry", mesh_id)
    owing.once()

    again = next(post for post in owing.posts() if post.local_id.startswith(refused["local_id"][:-2]))
    assert (refused["local_id"][-2:], again.local_id[-2:]) == (".1", ".2")
    assert (owing.answers(), owing.alerts()) == (["30001", "20013"], [])


def test_meshs_report_about_an_attempt_that_it_refused_says_nothing_of_the_one_that_it_took(
    receiver: ReceiverBench,
) -> None:
    mesh_id = receiver.deliver(report(sender_mailbox="GONEMB1"), sender="GONEMB1")
    receiver.step("collect")
    receiver.step("process")
    while receiver.step("reply"):
        pass
    receiver.mesh.add_mailbox("GONEMB1")
    receiver.command("retry", mesh_id)
    while receiver.step("reply"):
        pass

    receiver.once()

    assert sorted(receiver.answers()) == ["20013", "30001"]
    assert receiver.timeline(mesh_id).count("response_undelivered") == 2
    assert receiver.alerts() == []


@pytest.mark.requirement("GPCM-SD-058")
def test_responses_go_to_the_mailbox_that_the_message_came_from_not_to_the_one_that_it_names(
    receiver: ReceiverBench,
) -> None:
    receiver.mesh.add_mailbox("CEDARMB1")
    # decision 28: the message names ALDERMB1
    receiver.deliver(report(), sender="CEDARMB1")

    receiver.once()

    assert receiver.answers() == ["10008"]
    assert [post.recipient for post in receiver.posts()] == ["CEDARMB1"]


HANDSHAKE = f"{US}$"
TRACKING = "outbox/tracking"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("POST", HANDSHAKE, status) for status in (302, 400, 403, 404)),
        *(("POST", POST, status) for status in (302, 401, 403, 404, 405, 407, 410)),
    ],
)
def test_a_refusal_that_is_not_of_the_response_itself_never_parks_it(
    owing: ReceiverBench, method: str, path: str, status: int
) -> None:
    # the handshake of yesterday does not count any more
    owing.pass_time(days=1)
    for _ in range(12):
        owing.mesh.fail_next(method, path, *[answer(status, b"")] * 2)
        with pytest.raises(MeshForbidden):
            owing.step("reply")
        assert owing.step("reply") == 0
        owing.mesh._faults.clear()
        owing.pass_time(hours=2)

    owing.once()

    assert owing.answers() == ["20013", "30001"]
    assert owing.alerts() == []


@pytest.mark.parametrize("status", [302, 400, 410])
def test_a_refused_look_up_leaves_the_response_to_be_looked_up_again(owing: ReceiverBench, status: int) -> None:
    owing.mesh.fail_next("POST", POST, timeout_after)
    owing.once()
    owing.pass_time(minutes=1)
    owing.mesh.fail_next("GET", TRACKING, answer(status, b""))

    with pytest.raises(MeshForbidden):
        owing.step("reply")

    owing.pass_time(hours=1)
    owing.once()
    assert owing.answers() == ["20013", "30001"]
    assert owing.alerts() == []


def test_a_response_that_was_never_heard_of_stays_due(owing: ReceiverBench) -> None:
    owing.mesh.down()
    with pytest.raises(MeshUnreachable):
        owing.step("reply")
    owing.mesh.up()

    assert owing.step("reply") == 2

    assert owing.answers() == ["20013", "30001"]


def test_when_mesh_takes_the_first_response_only_the_second_waits_alone(owing: ReceiverBench) -> None:
    owing.mesh.fail_next("POST", POST, lambda request, serve: serve(request), answer(429, b""))
    with pytest.raises(MeshUnavailable):
        owing.step("reply")
    sent = [
        bool(each["sent_at"])
        for each in owing.json("show", owing.only()["mesh_message_id"], "--json")["record"]["responses"]
    ]
    before = owing.answers()

    owing.pass_time(hours=1)
    owing.step("reply")

    assert (before, owing.answers()) == (["20013"], ["20013", "30001"])
    assert sent == [True, False]


def test_a_crash_between_the_two_posts_sends_each_response_once(owing: ReceiverBench) -> None:
    def crash(_request: httpx.Request, _serve: Serve) -> httpx.Response:
        raise KeyboardInterrupt

    owing.mesh.fail_next("POST", POST, lambda request, serve: serve(request), crash)
    with pytest.raises(KeyboardInterrupt):
        owing.step("reply")
    before = owing.answers()

    owing.pass_time(minutes=20)
    owing.once()

    assert (before, owing.answers()) == (["20013"], ["20013", "30001"])


def test_an_unforeseen_fault_at_the_second_post_leaves_the_first_on_record(owing: ReceiverBench) -> None:
    def fault(_request: httpx.Request, _serve: Serve) -> httpx.Response:
        raise RuntimeError("a fault of the client")

    owing.mesh.fail_next("POST", POST, lambda request, serve: serve(request), fault)

    owing.once()

    shown = owing.json("show", owing.only()["mesh_message_id"], "--json")["record"]["responses"]
    assert [bool(each["sent_at"]) for each in shown] == [True, False]
    assert "a fault of the client" not in owing.logged.getvalue()
    # whoever watches the log hears of it at once, and not only when the response is set aside
    (failed,) = [line for line in owing.log_lines() if line["event"] == "job.failed"]
    assert (failed["job"], failed["error"].partition(" at ")[0]) == ("reply", "RuntimeError")


@pytest.fixture
def busy(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver that filed seven reports and has answered none of them yet."""
    for number in range(7):
        receiver.deliver(report(consultation_id=f"consultation-{number}"))
    receiver.step("collect")
    while receiver.step("process"):
        pass
    return receiver


def posts_of_each_message(receiver: ReceiverBench) -> list[list[str]]:
    """Return the codes that each message was answered with, in the order of the posts."""
    answers: dict[str, list[str]] = {}
    shown = [receiver.json("show", each["mesh_message_id"], "--json")["record"] for each in receiver.messages()]
    message_of = {
        each["mesh_message_id"]: record["mesh_message_id"] for record in shown for each in record["responses"]
    }
    for post, code in zip(receiver.posts(), receiver.answers(), strict=True):
        answers.setdefault(message_of[post.message_id], []).append(code)
    return list(answers.values())


def test_a_few_messages_are_answered_in_one_go_each_with_its_infrastructure_response_first(busy: ReceiverBench) -> None:
    first_go, second_go = busy.step("reply"), busy.step("reply")

    assert (first_go, second_go, busy.step("reply")) == (10, 4, 0)
    assert posts_of_each_message(busy) == [["20013", "30001"]] * 7


def test_an_outage_in_the_midst_of_a_go_leaves_the_others_due_and_what_went_on_record(busy: ReceiverBench) -> None:
    busy.mesh.fail_next("POST", POST, *[lambda request, serve: serve(request)] * 3, connection_refused)
    with pytest.raises(MeshUnreachable):
        busy.step("reply")
    before = busy.answers()

    busy.once()

    assert before == ["20013", "30001", "20013"]
    assert posts_of_each_message(busy) == [["20013", "30001"]] * 7
    # of the ten that were claimed, the one that was on its way alone
    assert sum("tracking" in path for _, path in busy.mesh.requests) == 1


def test_a_response_that_cannot_be_posted_for_an_unforeseen_reason_holds_nobody_up(busy: ReceiverBench) -> None:
    first = busy.messages()[-1]["mesh_message_id"]
    poisonous = busy.json("show", first, "--json")["record"]["responses"][0]["local_id"]

    def fault(request: httpx.Request, serve: Serve) -> httpx.Response:
        if request.headers["Mex-LocalID"] == poisonous:
            raise RuntimeError("a fault of the client")
        return serve(request)

    busy.mesh.fail_next("POST", POST, *[fault] * 100)
    for _ in range(10):
        assert not busy.once()
        busy.pass_time(hours=2)
    busy.once()

    assert Counter(busy.answers()) == {"20013": 6, "30001": 7}
    assert [(alert["kind"], alert["subject_id"]) for alert in busy.alerts()] == [("response_parked", first)]


def test_a_fault_of_the_daemon_itself_is_told_in_each_round_and_sets_nothing_aside_for_three_hours(
    busy: ReceiverBench,
) -> None:
    def fault(_request: httpx.Request, _serve: Serve) -> httpx.Response:
        raise ModuleNotFoundError("a module of a broken installation")

    begun, rounds = busy.now(), 0
    busy.mesh.fail_next("POST", POST, *[fault] * 100)
    while busy.now() - begun < timedelta(hours=3):
        assert not busy.once()
        rounds += 1
        busy.pass_time(minutes=30)
    busy.mesh._faults.clear()
    busy.pass_time(hours=1)
    told, alerts = [line["event"] for line in busy.log_lines()].count("job.failed"), busy.alerts()

    busy.once()

    assert (told, alerts) == (rounds, [])
    assert posts_of_each_message(busy) == [["20013", "30001"]] * 7


def refuse_to_record(receiver: ReceiverBench, response_id: str) -> None:
    """Let the database refuse to write down that MESH took one response."""
    when = f"NEW.response_id = '{response_id}' AND NEW.sent_at IS NOT NULL"
    named = "CREATE TRIGGER refuses BEFORE UPDATE ON response"
    if receiver.database.engine.dialect.name == "sqlite":
        statements = [f"{named} WHEN {when} BEGIN SELECT RAISE(ABORT, 'no'); END"]
    else:
        function = "CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$"
        statements = [function, f"{named} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuses()"]
    with receiver.database.transaction() as session:
        for statement in statements:
            session.execute(text(statement))


def test_a_response_whose_outcome_cannot_be_written_down_keeps_no_other_from_being_recorded(
    busy: ReceiverBench,
) -> None:
    message = busy.messages()[-1]["mesh_message_id"]
    first, second = busy.json("show", message, "--json")["record"]["responses"]
    with busy.database.snapshot() as session:
        refused = session.scalars(select(Response.response_id).where(Response.local_id == first["local_id"])).one()
    refuse_to_record(busy, refused)

    assert not busy.once()
    sent = busy.json("show", message, "--json")["record"]["responses"][1]["sent_at"]
    for _ in range(10):
        busy.pass_time(hours=2)
        busy.once()

    # the one is on its way again and again, and each time MESH has it already
    assert Counter(busy.answers()) == {"20013": 7, "30001": 7}
    assert second["sent_at"] is None
    assert sent is not None
    parked = [each["subject_id"] for each in busy.alerts() if each["kind"] == "response_parked"]
    assert parked == [message]
    assert [each["event"] for each in busy.log_lines()].count("response.sent") == 13
    assert "job.failed" in [each["event"] for each in busy.log_lines()]


def test_no_response_begins_that_might_outlast_the_lease_of_its_go(
    busy: ReceiverBench, make_receiver: MakeReceiver
) -> None:
    other = make_receiver()

    def slowly(request: httpx.Request, serve: Serve) -> httpx.Response:
        busy.pass_time(seconds=20)
        return serve(request)

    busy.mesh.fail_next("POST", POST, *[slowly] * 10)

    taken = busy.step("reply")
    posted = len(busy.answers())
    other.once()

    # each has time for a handshake, a look-up and a POST, and those of a process that died wait no longer than need be
    assert (taken, posted) == (10, 4)
    assert posts_of_each_message(busy) == [["20013", "30001"]] * 7


def test_a_stop_does_not_wait_for_the_second_post(owing: ReceiverBench) -> None:
    def stop(request: httpx.Request, serve: Serve) -> httpx.Response:
        owing.receiver.stopping.set()
        return serve(request)

    owing.mesh.fail_next("POST", POST, stop)
    owing.step("reply")
    before = owing.answers()
    owing.receiver.stopping.clear()

    owing.step("reply")

    assert (before, owing.answers()) == (["20013"], ["20013", "30001"])


def test_a_lease_outlives_a_handshake_a_look_up_and_a_post_that_take_their_longest(owing: ReceiverBench) -> None:
    with owing.database.transaction() as session:
        claimed = response_queue.claim(session, owing.now())

    assert len(claimed) == 2
    assert {each.lease_until for each in claimed} == {claimed[0].lease_until}
    assert claimed[0].lease_until - owing.now() > 3 * LONGEST_CALL


def test_a_process_that_slept_past_its_lease_posts_nothing(owing: ReceiverBench, make_receiver: MakeReceiver) -> None:
    other = make_receiver()
    owing.mesh.fail_next("POST", POST, timeout_before)
    with suppress(MeshUnavailable):
        owing.step("reply")
    owing.pass_time(minutes=5)

    def sleep(request: httpx.Request, serve: Serve) -> httpx.Response:
        not_there = serve(request)
        owing.pass_time(minutes=20)
        other.once()
        return not_there

    owing.mesh.fail_next("GET", "outbox/tracking/", sleep)

    # to whoever slept MESH seems to have answered too slowly
    with suppress(MeshUnavailable):
        owing.step("reply")

    assert owing.answers() == ["20013", "30001"]


@pytest.mark.parametrize("outcome", ["taken", "refused", "unreachable", "busy"])
def test_a_process_that_was_too_slow_leaves_the_response_to_whoever_took_it_over(
    owing: ReceiverBench, make_receiver: MakeReceiver, outcome: str
) -> None:
    other = make_receiver()
    faults = {"refused": answer(417, b""), "unreachable": connection_refused, "busy": answer(429, b"")}

    def slow(request: httpx.Request, serve: Serve) -> httpx.Response:
        owing.pass_time(minutes=20)
        other.once()
        return faults[outcome](request, serve) if outcome in faults else serve(request)

    owing.mesh.fail_next("POST", POST, slow)

    with suppress(MeshUnavailable):
        owing.step("reply")

    owing.once()
    by_code = Counter(owing.answers())
    # the first was on its way: byte for byte the same, and without effect
    assert by_code == {"20013": 1 + (outcome == "taken"), "30001": 1}
    assert owing.timeline(owing.only()["mesh_message_id"]).count("response_sent") == 2
    assert owing.alerts() == []


def test_a_code_of_mesh_of_any_length_is_cut(owing: ReceiverBench) -> None:
    words = b'{"detail":[{"event":"SEND","code":"%s","msg":"no"}]}' % (b"9" * 500)
    owing.mesh.fail_next("POST", POST, answer(417, words))

    assert owing.once()

    assert [alert["code"] for alert in owing.alerts()] == ["9" * 64]


def test_a_response_that_mesh_is_too_busy_for_waits_and_is_never_parked(owing: ReceiverBench) -> None:
    for _ in range(12):
        owing.mesh.fail_next("POST", POST, answer(429, b""))
        with pytest.raises(MeshUnavailable):
            owing.step("reply")
        assert owing.step("reply") == 0
        owing.pass_time(hours=2)

    owing.once()

    assert owing.answers() == ["20013", "30001"]
    assert owing.alerts() == []


def test_an_answer_of_mesh_that_makes_no_sense_parks_the_response_in_the_end(owing: ReceiverBench) -> None:
    owing.mesh.fail_next("POST", POST, connection_refused)
    owing.once()
    owing.mesh.fail_next("GET", "outbox/tracking", *[answer(200, b"{}")] * 40)
    for _ in range(12):
        owing.once()
        owing.pass_time(hours=2)

    assert "response_parked" in {alert["kind"] for alert in owing.alerts()}


def test_nothing_to_send_is_nothing_done(receiver: ReceiverBench) -> None:
    assert receiver.step("reply") == 0


@pytest.mark.parametrize(("status", "wish", "minutes"), [(429, "1200", 20), (503, "1200", 20), (429, "86400", 60)])
def test_a_response_is_not_tried_again_before_mesh_wants_it_but_within_an_hour(
    owing: ReceiverBench, status: int, wish: str, minutes: int
) -> None:
    owing.mesh.fail_next("POST", POST, answer(status, retry_after=wish))
    with suppress(MeshUnavailable):
        owing.step("reply")
    owing.pass_time(minutes=minutes - 1)
    owing.step("reply")
    too_early = owing.answers()

    owing.pass_time(minutes=2)
    owing.step("reply")

    assert (too_early, owing.answers()) == ([], ["20013", "30001"])
