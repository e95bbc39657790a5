from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from registered_receiver.app import Receiver
from registered_receiver.web.site import site as receiver_site
from shared.errors import MessagingError
from shared.web import connections, forms, sessions
from shared.web.roles import Role
from shared.web.site import Page, Site, Visit
from tests.registered_receiver.bench import ReceiverBench
from tests.shared.web.browsing import PASSWORD, add_user, browser
from tests.shared.web.conftest import MakeBench

CROSS_SITE = {"sec-fetch-site": "cross-site"}


def refusals(bench: ReceiverBench) -> list[tuple[str, str | None, str]]:
    lines = [line for line in bench.log_lines() if line["event"] == "web.refused"]
    return [(line["reason"], line.get("user"), line.get("route", "")) for line in lines]


@pytest.mark.parametrize("path", ["/", "/tasks", "/near-misses", "/alerts", "/audit", "/tasks/x/documents/1"])
def test_whoever_is_not_signed_in_sees_the_sign_in_page_and_nothing_else(site: Site[Receiver], path: str) -> None:
    with browser(site) as page:
        answer = page.get(path)

    assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/login", "")


@pytest.mark.parametrize("csrf", ["", "0" * 64, "é"])
def test_a_form_without_the_token_of_its_own_page_changes_nothing(
    bench: ReceiverBench, site: Site[Receiver], csrf: str
) -> None:
    with browser(site, "clerk") as page:
        answer = page.ask("POST", "/logout", data={"csrf": csrf})

        assert answer.status_code == 403
        assert "This form is no longer valid" in answer.text
        assert page.get("/tasks").status_code == 200
    assert refusals(bench) == [("form", "clerk", "POST /logout")]


def test_the_token_of_one_browser_is_worth_nothing_in_another(site: Site[Receiver]) -> None:
    with browser(site, "clerk") as one, browser(site, "admin") as other:
        one.get("/tasks")
        other.page = one.page

        assert other.post("/logout").status_code == 403


def test_nobody_can_be_signed_in_by_a_form_of_another_site(site: Site[Receiver]) -> None:
    add_user(site, "jane")

    with browser(site) as page:
        page.get("/login")
        for headers in (CROSS_SITE, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}):
            assert page.post("/login", {"name": "jane", "password": "x"}, headers=headers).status_code == 403
        page.keep(sessions.new_token())
        assert page.post("/login", {"name": "jane", "password": "x"}).status_code == 403
        page.get("/login")
        ours = {"sec-fetch-site": "same-origin", "origin": "https://localhost"}
        assert "do not fit" in page.post("/login", {"name": "jane", "password": "x"}, headers=ours).text


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil.example", ""])
def test_a_request_for_another_name_is_refused(site: Site[Receiver], host: str) -> None:
    with browser(site) as page:
        answer = page.get("/login", headers={"host": host})

    assert answer.status_code == 400
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "LOCALHOST"])
def test_a_request_for_our_name_is_answered_whatever_the_port(site: Site[Receiver], host: str) -> None:
    with browser(site) as page:
        assert page.get("/login", headers={"host": host}).status_code == 200


def test_every_answer_forbids_scripts_frames_referrers_sniffing_and_keeping(site: Site[Receiver]) -> None:
    with browser(site, "admin") as page:
        for path in ("/tasks", "/audit", "/nowhere", "/tasks/nobody", "/static/worklist.css"):
            headers = page.get(path).headers

            policy = headers["content-security-policy"]
            assert "default-src 'none'; style-src 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert "script" not in policy
            assert "unsafe" not in policy
            assert (headers["referrer-policy"], headers["x-content-type-options"]) == ("no-referrer", "nosniff")
            assert headers["cache-control"] == ("max-age=3600" if path.startswith("/static/") else "no-store")
            assert "server" not in headers


def test_what_is_not_there_is_kept_by_nobody_for_it_has_a_cookie(site: Site[Receiver]) -> None:
    with browser(site) as page:
        for path in ("/static/nothing.css", "/static/", "/nowhere"):
            answer = page.get(path)

            assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_no_page_has_a_script_a_style_of_its_own_or_an_address_elsewhere(site: Site[Receiver]) -> None:
    with browser(site, "admin") as page:
        for path in ("/login", "/tasks", "/alerts", "/audit", "/users", "/search", "/messages", "/near-misses"):
            page.get(path)

            assert re.search(r"<script|<style|style=|\son[a-z]+=|javascript:", page.page) is None
            assert {
                each for each in re.findall(r"(?:href|src|action)=\"([^\"]*)\"", page.page) if each[0] not in "/#"
            } == set()


def proxied(make_bench: MakeBench, **changes: str) -> Site[Receiver]:
    behind = {"WEB_LISTEN": "0.0.0.0:8081", "WEB_PROXY": "10.0.0.7,192.168.7.0/24", "WEB_HOSTS": "localhost"}
    return receiver_site(make_bench(**(behind | changes)).receiver)


def test_behind_a_reverse_proxy_nobody_else_is_let_in_and_it_says_whose_request_it_is(make_bench: MakeBench) -> None:
    site = proxied(make_bench)
    asked_for = {"x-forwarded-for": "203.0.113.9, 198.51.100.3"}
    added = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.3")]

    with browser(site, source="10.0.0.8") as stranger, browser(site, source="192.168.7.4", headers=asked_for) as page:
        refused = stranger.get("/login")
        page.sign_in("nobody", "a wrong password")
        page.ask("POST", "/login", data={"csrf": "x"}, headers=added)

    assert (refused.status_code, "reverse proxy" in refused.text) == (403, True)
    assert site.app.settings.web_hosts == ("localhost",)
    with site.app.database.snapshot() as session:
        kept = session.scalars(text("SELECT subject FROM web_lockout ORDER BY subject")).all()
    # the proxy added the last one; the first may be anything that the browser wrote
    assert kept[0] == "source:198.51.100.3"


def test_a_proxy_that_signs_people_in_is_believed_about_who_and_not_about_what_they_may(make_bench: MakeBench) -> None:
    site = proxied(make_bench, WEB_USER_HEADER="X-Forwarded-User")
    add_user(site, "jane", "viewer")
    add_user(site, "gone", "admin")
    # what folding makes of another person's name
    add_user(site, "voss", "admin")
    with site.app.database.transaction() as session:
        session.execute(text("UPDATE web_user SET disabled_at = created_at WHERE user_name = 'gone'"))

    with browser(site, source="10.0.0.7") as page:
        jane = {"x-forwarded-user": "Jane"}
        assert page.get("/tasks", headers=jane).status_code == 200
        assert "Sign out" not in page.page
        assert page.get("/audit", headers=jane).status_code == 403
        assert page.get("/login", headers=jane).headers["location"] == "/"
        for stranger in (
            [],
            [("x-forwarded-user", "gone")],
            [("x-forwarded-user", "nobody")],
            [("x-forwarded-user", "jane"), ("x-forwarded-user", "jane")],
            [("x-forwarded-user", "jane, jane")],
            [("x_forwarded_user", "jane")],
            [("x-forwarded-user", "vo\xdf".encode("latin-1"))],
        ):
            answer = page.get("/tasks", headers=stranger)
            assert (answer.status_code, "You are not known here" in answer.text) == (403, True)
    with browser(site, source="10.0.0.9") as page:
        assert page.get("/tasks", headers=jane).status_code == 403


def test_without_the_setting_a_user_header_says_nothing(site: Site[Receiver]) -> None:
    add_user(site, "jane", "admin")

    with browser(site, headers={"x-forwarded-user": "jane"}) as page:
        assert page.get("/tasks").headers["location"] == "/login"


def test_a_form_behind_a_proxy_that_signs_in_needs_its_token_too(make_bench: MakeBench) -> None:
    site = proxied(make_bench, WEB_USER_HEADER="X-Forwarded-User")
    add_user(site, "jane", "admin")

    with browser(site, source="10.0.0.7", headers={"x-forwarded-user": "jane"}) as page:
        assert page.post("/users/unlock", {"name": "jane"}).status_code == 403
        page.get("/tasks")
        assert page.post("/users/unlock", {"name": "jane"}).status_code == 403
        page.get("/search")
        assert page.post("/login", {"name": "jane"}).headers["location"] == "/"
        assert page.post("/users/unlock", {"name": "jane"}).status_code == 409


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"data": {"reason": "x" * 70_000}}, 413),
        ({"files": {"file": b"x"}}, 415),
        ({"json": {"csrf": "x"}}, 415),
        ({"data": {"nhs_number": "9690937278\0"}}, 400),
        ({"content": b"a=%ff", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 400),
        ({"content": b"&".join([b"a=1"] * 60), "headers": {"content-type": "application/x-www-form-urlencoded"}}, 400),
    ],
)
def test_a_form_is_plain_fields_few_and_small(site: Site[Receiver], more: dict[str, object], status: int) -> None:
    with browser(site, "clerk") as page:
        answer = page.ask("POST", "/search", **more)

    assert answer.status_code == status
    assert "<h1>" in answer.text


def failing(site: Site[Receiver], error: Exception) -> Site[Receiver]:
    def answer(_visit: Visit[Receiver]) -> object:
        raise error

    page = Page("GET", "/failing", Role.VIEWER, answer)  # type: ignore[arg-type]
    return Site(site.title, site.app, (page,), site.navigation, site.environment)


@pytest.mark.parametrize("error", [ValueError("Smith, 9690937278"), MessagingError("Smith, 9690937278")])
def test_what_goes_wrong_in_a_page_is_neither_shown_nor_logged_in_its_own_words(
    bench: ReceiverBench, site: Site[Receiver], error: Exception
) -> None:
    with browser(failing(site, error), "viewer") as page:
        answer = page.get("/failing")

    assert (answer.status_code, "Something went wrong" in answer.text) == (500, True)
    assert "Smith" not in answer.text
    (line,) = [line for line in bench.log_lines() if line["event"] == "web.failed"]
    assert line["route"] == "GET /failing"


def test_while_the_database_is_away_a_page_says_so(bench: ReceiverBench, site: Site[Receiver]) -> None:
    with browser(site, "viewer") as page:
        with bench.database.transaction() as session:
            session.execute(text("ALTER TABLE web_session RENAME TO elsewhere"))

        answer = page.get("/tasks")

    assert (answer.status_code, "The database does not answer" in answer.text) == (503, True)


def test_what_was_not_found_is_said_without_letting_markup_or_control_characters_through(site: Site[Receiver]) -> None:
    with browser(site, "viewer") as page:
        answer = page.get("/tasks/%3Cscript%3Ealert(1)%3C%2Fscript%3E%1b%5b2J")
        other = page.get("/tasks/%3Cscript%3E%1b%5b2J")

    assert (answer.status_code, other.status_code) == (404, 404)
    assert "<script" not in answer.text + other.text
    assert "&lt;script&gt;\N{REPLACEMENT CHARACTER}[2J" in other.text


def test_a_peer_without_an_address_is_not_the_proxy(make_bench: MakeBench) -> None:
    with browser(proxied(make_bench), source="a socket") as page:
        assert page.get("/login").status_code == 403


def test_an_actor_is_asked_for_only_where_somebody_is_signed_in(site: Site[Receiver]) -> None:
    def answer(visit: Visit[Receiver]) -> object:
        return visit.who

    page = Page("GET", "/failing", None, answer)  # type: ignore[arg-type]
    with browser(Site(site.title, site.app, (page,), site.navigation, site.environment)) as nobody:
        assert nobody.get("/failing").status_code == 500


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/tasks"), ("POST", "/tasks"), ("GET", "/logout"), ("PUT", "/")]
)
def test_a_method_that_a_page_does_not_have_is_no_page(site: Site[Receiver], method: str, path: str) -> None:
    with browser(site, "admin") as page:
        assert page.ask(method, path, data={} if method == "POST" else None).status_code == 405


@pytest.mark.parametrize("path", ["/tasks/%00", "/audit?subject=a%00", "/tasks?state=%00", "/messages/a%00b"])
def test_an_address_with_a_nul_is_no_page(bench: ReceiverBench, site: Site[Receiver], path: str) -> None:
    with browser(site, "admin") as page:
        answer = page.get(path)

    assert (answer.status_code, "There is no such page" in answer.text) == (404, True)
    assert "audit_listed" not in [line["action"] for line in bench.json("audit", "--json")]


def test_what_is_sent_after_the_session_ended_is_said_to_be_lost(bench: ReceiverBench, site: Site[Receiver]) -> None:
    add_user(site, "jane")
    with browser(site, "clerk") as page:
        page.get("/search")
        bench.pass_time(hours=1)

        answer = page.post("/tasks/x/complete")

        assert (answer.status_code, "<h1>Sign in</h1>" in answer.text) == (403, True)
        assert "You were signed out. What you just did was NOT done: sign in and repeat it." in answer.text
        assert page.post("/login", {"name": "jane", "password": PASSWORD}).headers["location"] == "/"


def test_signing_out_after_the_session_ended_leads_to_the_sign_in_page(
    bench: ReceiverBench, site: Site[Receiver]
) -> None:
    with browser(site, "clerk") as page:
        page.get("/tasks")
        bench.pass_time(hours=1)

        assert page.post("/logout").headers["location"] == "/login"


def test_a_form_that_never_ends_is_not_waited_for(site: Site[Receiver], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.01)
    read = forms.read_form

    class Endless:
        """The body of a request that only begins."""

        headers = Headers({"content-type": "application/x-www-form-urlencoded"})

        async def stream(self) -> AsyncIterator[bytes]:
            yield b"name="
            await asyncio.Event().wait()

    with pytest.raises(HTTPException) as refused:
        asyncio.run(read(Endless()))  # type: ignore[arg-type]

    assert refused.value.status_code == 408


def test_text_that_is_no_utf_8_does_not_cost_the_page(site: Site[Receiver]) -> None:
    def answer(visit: Visit[Receiver]) -> object:
        return visit.render("error.html", heading="half a \ud83d pair", words="")

    page = Page("GET", "/half", Role.VIEWER, answer)  # type: ignore[arg-type]
    with browser(Site(site.title, site.app, (page,), site.navigation, site.environment), "viewer") as viewer:
        shown = viewer.get("/half")

    assert (shown.status_code, "half a ? pair" in shown.text) == (200, True)


@pytest.mark.parametrize("subject", ["9690937278", "969 093 7278", "NHS 969-093-7278", "x" * 256])
def test_the_audit_is_not_asked_about_an_nhs_number_or_what_no_record_is_called(
    bench: ReceiverBench, site: Site[Receiver], subject: str
) -> None:
    with browser(site, "admin") as page:
        answer = page.get("/audit", params={"subject": subject})

    assert (answer.status_code, subject in answer.text) == (422, False)
    assert ("it belongs in the other field" in answer.text) == (subject[0] != "x")
    assert "audit_listed" not in [line["action"] for line in bench.json("audit", "--json")]


@pytest.mark.parametrize(
    "subject",
    ["20200529155357895317_3573F8", "12345678-1234-4123-8123-a1234567890b", "00000000-0000-4000-8000-000000000000"],
)
def test_the_audit_is_asked_about_ids_with_many_digits(site: Site[Receiver], subject: str) -> None:
    with browser(site, "admin") as page:
        assert page.get("/audit", params={"subject": subject}).status_code == 200
