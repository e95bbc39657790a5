from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from registered_receiver.app import Receiver
from registered_receiver.web.site import site as receiver_site
from shared.web import sessions
from shared.web.login import Locked, log_in
from shared.web.site import Site
from tests.registered_receiver.bench import ReceiverBench
from tests.shared.web.browsing import PASSWORD, Browser, add_user, browser

TABLES = ("web_user", "web_session", "web_lockout")
WRONG = "not the password of anybody"


def events(bench: ReceiverBench, name: str) -> list[dict[str, object]]:
    return [line for line in bench.log_lines() if line["event"] == name]


def test_whoever_types_name_and_password_gets_a_session_a_line_in_the_audit_and_the_front_page(
    each_bench: ReceiverBench,
) -> None:
    site = receiver_site(each_bench.receiver)
    add_user(site, "jane")

    with browser(site) as page:
        answer = page.sign_in(" Jane ")

        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert page.get("/").headers["location"] == "/tasks"
        assert page.get("/tasks").status_code == 200
    assert [(line["action"], line["user"], line["role"]) for line in each_bench.json("audit", "--json")[1:]] == [
        ("logged_in", "web:jane", "clerk")
    ]
    assert [(line["user"], line["source"]) for line in events(each_bench, "web.logged_in")] == [("jane", "127.0.0.1")]


def test_the_cookie_is_for_this_host_alone_for_https_for_no_script_and_for_no_other_site(site: Site[Receiver]) -> None:
    add_user(site, "jane")

    with browser(site) as page:
        given = page.sign_in("jane").headers["set-cookie"]

    name, _, attributes = given.partition("=")
    assert name == "__Host-registered-receiver"
    assert {each.strip() for each in attributes.lower().split(";")[1:]} == {
        "httponly",
        "path=/",
        "samesite=strict",
        "secure",
    }


def test_a_token_that_somebody_planted_before_the_sign_in_opens_nothing_afterwards(site: Site[Receiver]) -> None:
    add_user(site, "jane")
    planted = sessions.new_token()

    with browser(site) as page, browser(site) as attacker:
        page.keep(planted)
        page.sign_in("jane")
        attacker.keep(planted)

        assert page.token != planted
        assert attacker.get("/tasks").headers["location"] == "/login"


def test_the_database_holds_no_token_and_no_password(bench: ReceiverBench, site: Site[Receiver]) -> None:
    add_user(site, "jane")
    with browser(site) as page:
        page.sign_in("jane")
        token = page.token or ""

    with bench.database.snapshot() as session:
        kept = str([session.execute(text(f"SELECT * FROM {each}")).all() for each in TABLES])

    assert "$argon2id$" in kept
    assert token not in kept
    assert PASSWORD not in kept


@pytest.mark.parametrize(("name", "password"), [("jane", WRONG), ("nobody", PASSWORD), ("gone", PASSWORD), ("", "")])
def test_the_answer_to_a_failed_sign_in_does_not_say_what_was_wrong(
    bench: ReceiverBench, site: Site[Receiver], name: str, password: str
) -> None:
    add_user(site, "jane")
    add_user(site, "gone")
    bench.command("users", "disable", "gone")

    with browser(site) as page:
        answer = page.sign_in(name, password)

    assert answer.status_code == 403
    assert "Name and password do not fit" in answer.text
    assert "<title>Error: Sign in" in answer.text


def test_a_name_that_is_nobodys_is_logged_nowhere_since_it_may_be_a_password(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    with browser(site) as page:
        for _ in range(6):
            page.sign_in("hunter2-my-real-password", WRONG)

    assert len(events(bench, "web.login_failed")) == 5
    assert "hunter2" not in bench.logged.getvalue()


def test_a_user_name_is_locked_out_for_longer_and_longer_whoever_has_it_and_wherever_they_sit(
    each_bench: ReceiverBench,
) -> None:
    site = receiver_site(each_bench.receiver)
    add_user(site, "jane")

    with browser(site, source="10.0.0.1") as attacker, browser(site, source="10.0.0.2") as page:
        for _ in range(5):
            attacker.sign_in("jane", WRONG)
        locked = page.sign_in("jane")
        each_bench.pass_time(minutes=1)
        attacker.sign_in("jane", WRONG)
        each_bench.pass_time(minutes=1)
        locked_longer = page.sign_in("jane")
        each_bench.pass_time(minutes=1)
        let_in = page.sign_in("jane")

    assert "Too many sign-ins failed. Try again after 20 November 2026, 18:01, or ask an administrator" in locked.text
    assert "18:03" in locked_longer.text
    assert let_in.status_code == 303
    lines = events(each_bench, "web.locked_out")
    assert [(line["of"], line["user"], line["source"]) for line in lines] == [("user", "jane", "10.0.0.1")] * 2


def test_a_name_that_is_nobodys_is_locked_out_just_the_same(site: Site[Receiver]) -> None:
    with browser(site) as page:
        for _ in range(5):
            page.sign_in("nobody", WRONG)

        assert "Too many sign-ins failed" in page.sign_in("nobody", WRONG).text


def test_an_address_is_locked_out_after_many_names_and_others_are_not(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    add_user(site, "jane")
    app = site.app
    for number in range(30):
        log_in(app, site.limits, f"name{number}", "", "10.0.0.1")

    from_there = log_in(app, site.limits, "jane", PASSWORD, "10.0.0.1")
    with browser(site, source="10.0.0.1") as page:
        told = [page.sign_in("jane").text for _ in range(5)]
    from_elsewhere = log_in(app, site.limits, "jane", PASSWORD, "10.0.0.2")

    assert isinstance(from_there, Locked)
    assert all("Too many sign-ins failed" in each and "administrator" not in each for each in told)
    assert isinstance(from_elsewhere, str)
    assert [line["of"] for line in events(bench, "web.locked_out")] == ["address"]


def test_a_sign_in_that_succeeds_does_not_count_against_its_address(site: Site[Receiver]) -> None:
    add_user(site, "jane")

    outcomes = [log_in(site.app, site.limits, "jane", PASSWORD, "10.0.0.1") for _ in range(31)]

    assert all(isinstance(outcome, str) for outcome in outcomes)


def test_passwords_tried_at_the_same_time_are_all_counted(each_bench: ReceiverBench) -> None:
    site = receiver_site(each_bench.receiver)
    add_user(site, "jane")

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: log_in(site.app, site.limits, "jane", WRONG, "10.0.0.1"), range(8)))

    assert [isinstance(outcome, Locked) for outcome in outcomes].count(True) == 3


def test_an_administrator_lets_a_user_try_again_at_once(bench: ReceiverBench, site: Site[Receiver]) -> None:
    add_user(site, "jane")
    with browser(site) as page, browser(site, "admin") as admin:
        for _ in range(5):
            page.sign_in("jane", WRONG)
        shown = admin.get("/users").text

        answer = admin.post("/users/unlock", {"name": "jane"})

        assert "locked out until 20 November 2026, 18:01" in shown
        assert answer.headers["location"] == "/users"
        assert page.sign_in("jane").status_code == 303
    assert ("user_unlocked", "jane") in [(line["action"], line["subject_id"]) for line in bench.json("audit", "--json")]


def test_whoever_signs_in_where_another_was_signed_in_ends_that_session(site: Site[Receiver]) -> None:
    add_user(site, "jane")
    with browser(site, "clerk") as page, browser(site) as thief:
        thief.keep(page.token or "")
        page.get("/tasks")

        page.post("/login", {"name": "jane", "password": PASSWORD})

        assert page.get("/tasks").status_code == 200
        assert thief.get("/tasks").headers["location"] == "/login"


def test_signing_out_ends_the_session_at_the_server_too(bench: ReceiverBench, site: Site[Receiver]) -> None:
    with browser(site, "clerk") as page, browser(site) as thief:
        thief.keep(page.token or "")
        page.get("/tasks")

        answer = page.post("/logout")

        assert answer.headers["location"] == "/login"
        assert page.token is None
        assert thief.get("/tasks").headers["location"] == "/login"
    assert [line["user"] for line in events(bench, "web.logged_out")] == ["clerk"]


def is_let_in(page: Browser) -> bool:
    return page.get("/messages").status_code == 200


def test_a_session_ends_when_nobody_uses_it_and_after_its_time_in_any_case(each_bench: ReceiverBench) -> None:
    site = receiver_site(each_bench.receiver)

    with browser(site, "clerk") as idle, browser(site, "clerk") as busy:
        for _ in range(48):
            each_bench.pass_time(minutes=14, seconds=59)
            assert is_let_in(busy)
        assert not is_let_in(idle)
        each_bench.pass_time(minutes=1)

        assert not is_let_in(busy)


@pytest.mark.parametrize("command", [("disable", "clerk"), ("password", "clerk")])
def test_a_user_who_is_disabled_or_gets_another_password_is_signed_out_everywhere(
    bench: ReceiverBench, site: Site[Receiver], command: tuple[str, ...]
) -> None:
    with browser(site, "clerk") as page:
        assert is_let_in(page)

        bench.command("users", *command, stdin="another long password\n")

        assert not is_let_in(page)


def test_sessions_that_are_over_are_forgotten_at_the_next_sign_in(bench: ReceiverBench, site: Site[Receiver]) -> None:
    add_user(site, "jane")
    with browser(site, "clerk"):
        pass
    bench.pass_time(hours=13)

    log_in(site.app, site.limits, "jane", PASSWORD, "10.0.0.1")

    with bench.database.snapshot() as session:
        assert session.scalars(text("SELECT user_name FROM web_session")).all() == ["jane"]


def test_whoever_is_signed_in_needs_no_sign_in_page(site: Site[Receiver]) -> None:
    with browser(site, "clerk") as page:
        assert page.get("/login").headers["location"] == "/"


def test_a_user_who_is_taken_back_may_sign_in_at_once(bench: ReceiverBench, site: Site[Receiver]) -> None:
    add_user(site, "jane")
    for _ in range(5):
        log_in(site.app, site.limits, "jane", WRONG, "10.0.0.1")
    bench.command("users", "disable", "jane")

    add_user(site, "jane")

    assert isinstance(log_in(site.app, site.limits, "jane", PASSWORD, "10.0.0.1"), str)
