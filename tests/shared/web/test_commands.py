from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from registered_receiver.app import Receiver
from shared.web.site import Site
from tests.registered_receiver.bench import ReceiverBench
from tests.shared.web.browsing import PASSWORD, browser


def listed(bench: ReceiverBench) -> dict[str, dict[str, Any]]:
    return {row["user"]: row for row in bench.json("users", "list", "--json")}


def test_a_user_is_added_with_a_role_and_a_password_from_standard_input(
    each_bench: ReceiverBench, site: Site[Receiver]
) -> None:
    added = each_bench.command("users", "add", "Jane", "--role", "clerk", stdin=f"{PASSWORD}\n")

    assert (added.exit_code, added.output) == (0, "jane may use the pages as clerk\n")
    assert listed(each_bench) == {
        "jane": {
            "user": "jane",
            "role": "clerk",
            "signs_in": "with a password",
            "locked_until": None,
            "disabled_at": None,
        }
    }
    assert "jane" in each_bench.command("users", "list").output
    (line,) = each_bench.json("audit", "--json")
    assert (line["action"], line["subject_id"]) == ("user_added", "jane")


@pytest.mark.parametrize("password", ["", "short", "jane jane jane jane"])
def test_a_bad_password_makes_no_user_and_is_repeated_nowhere(bench: ReceiverBench, password: str) -> None:
    refused = bench.command("users", "add", "jane", "--role", "clerk", stdin=f"{password}\n")

    assert (refused.exit_code, "the password must" in refused.output) == (1, True)
    assert listed(bench) == {}


def test_no_command_takes_a_password_as_an_argument(bench: ReceiverBench) -> None:
    for command in (("add", "jane", "--role", "clerk"), ("password", "jane")):
        assert bench.command("users", *command, PASSWORD).exit_code == 2
        assert bench.command("users", *command, "--password", PASSWORD).exit_code == 2


def test_at_a_terminal_a_password_is_asked_for_twice_and_not_shown(
    bench: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def answer(_words: str, **how: Any) -> str:
        asked.append(how)
        return PASSWORD

    monkeypatch.setattr("shared.web.commands._is_terminal", lambda: True)
    monkeypatch.setattr("click.prompt", answer)
    added = bench.command("users", "add", "jane", "--role", "viewer")

    assert added.exit_code == 0
    assert (asked[0]["hide_input"], asked[0]["confirmation_prompt"]) == (True, True)


def test_a_user_whom_only_the_proxy_knows_has_no_password_to_sign_in_with(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    bench.command("users", "add", "jane", "--role", "clerk", "--no-password")

    assert listed(bench)["jane"]["signs_in"] == "by the reverse proxy"
    with browser(site) as page:
        assert page.sign_in("jane", "").status_code == 403


def test_a_disabled_user_is_let_in_no_more_until_they_are_taken_back_with_a_role_and_password_of_today(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    bench.command("users", "add", "jane", "--role", "admin", stdin=f"{PASSWORD}\n")

    bench.command("users", "disable", "jane")

    assert listed(bench)["jane"]["disabled_at"]
    with browser(site) as page:
        assert page.sign_in("jane").status_code == 403
        bench.command("users", "add", "jane", "--role", "viewer", stdin="coffee tulip anchor\n")
        assert page.sign_in("jane").status_code == 403
        assert page.sign_in("jane", "coffee tulip anchor").status_code == 303
    assert listed(bench)["jane"]["role"] == "viewer"


def test_another_password_lets_in_at_once_whoever_was_locked_out(bench: ReceiverBench, site: Site[Receiver]) -> None:
    bench.command("users", "add", "jane", "--role", "admin", stdin=f"{PASSWORD}\n")
    with browser(site) as page:
        for _ in range(5):
            page.sign_in("jane", "wrong")

        bench.command("users", "password", "jane", stdin="coffee tulip anchor\n")

        assert page.sign_in("jane", "coffee tulip anchor").status_code == 303


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("add", "jane", "--role", "viewer", "--no-password"), "there is a user jane already"),
        (("add", "Robert'); --", "--role", "viewer", "--no-password"), "a user name has 2 to 64"),
        (("add", "1", "--role", "viewer", "--no-password"), "a user name has 2 to 64"),
        (("disable", "nobody"), "there is no user of that name"),
        (("disable", "gone"), "is disabled already"),
        (("unlock", "jane"), "user jane is not locked out"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_done(bench: ReceiverBench, command: tuple[str, ...], words: str) -> None:
    for name in ("jane", "gone"):
        bench.command("users", "add", name, "--role", "clerk", "--no-password")
    bench.command("users", "disable", "gone")
    done = bench.json("audit", "--json")

    refused = bench.command("users", *command)

    assert (refused.exit_code, words in refused.output) == (1, True), refused.output
    assert len(bench.json("audit", "--json")) == len(done) + 1


def test_the_command_unlocks_whoever_is_locked_out(bench: ReceiverBench, site: Site[Receiver]) -> None:
    bench.command("users", "add", "jane", "--role", "admin", stdin=f"{PASSWORD}\n")
    with browser(site) as page:
        for _ in range(5):
            page.sign_in("jane", "wrong")

        unlocked = bench.command("users", "unlock", "jane")

        assert unlocked.output == "jane may try again\n"
        assert page.sign_in("jane").status_code == 303


def test_the_database_refuses_a_role_that_there_is_not(bench: ReceiverBench) -> None:
    bench.command("users", "add", "jane", "--role", "viewer", "--no-password")

    with pytest.raises(Exception, match="ck_web_user_role"), bench.database.transaction() as session:
        session.execute(text("UPDATE web_user SET role = 'owner'"))
