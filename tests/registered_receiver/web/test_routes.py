"""Every route of the receiver's pages, and who may use it: a new page must be written down here."""

from __future__ import annotations

import re

import pytest

from registered_receiver.web.site import site as receiver_site
from shared.web.server import pages_of
from tests.registered_receiver.bench import ReceiverBench
from tests.shared.web.browsing import browser

ROUTES = {
    "GET /": "viewer",
    "GET /login": None,
    "POST /login": None,
    "POST /logout": "viewer",
    "GET /tasks": "viewer",
    "GET /tasks/{task_id}": "viewer",
    "GET /tasks/{task_id}/documents/{position}": "clerk",
    "POST /tasks/{task_id}/complete": "clerk",
    "GET /search": "clerk",
    "POST /search": "clerk",
    "GET /near-misses": "viewer",
    "GET /near-misses/{review_id}": "clerk",
    "POST /near-misses/{review_id}": "clerk",
    "GET /messages": "viewer",
    "GET /messages/{identifier}": "viewer",
    "POST /messages/{identifier}/retry": "clerk",
    "GET /alerts": "viewer",
    "GET /alerts/{alert_id}": "viewer",
    "POST /alerts/{alert_id}/close": "clerk",
    "GET /audit": "admin",
    "POST /audit": "admin",
    "GET /users": "admin",
    "POST /users/unlock": "admin",
}
# a role has nothing to do with the database
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ROLES = ("viewer", "clerk", "admin")


def test_every_route_is_written_down_with_the_role_that_it_needs(receiver: ReceiverBench) -> None:
    pages = pages_of(receiver_site(receiver.receiver))

    assert {page.route: page.role and str(page.role) for page in pages} == ROUTES


@pytest.mark.parametrize("role", [None, *ROLES])
def test_no_route_answers_whose_role_is_too_small(receiver: ReceiverBench, role: str | None) -> None:
    with browser(receiver_site(receiver.receiver), role) as page:
        for route, needed in ROUTES.items():
            if needed is None or route == "POST /logout":
                continue
            method, path = route.split()
            page.get("/tasks")
            answer = page.ask(method, re.sub(r"\{.*?\}", "1", path), data={"csrf": "x"} if method == "POST" else None)

            if role is None:
                said = (answer.status_code, answer.headers.get("location"), "You were signed out" in answer.text)
                assert said == ((303, "/login", False) if method == "GET" else (403, None, True)), route
            elif ROLES.index(role) < ROLES.index(needed):
                assert (answer.status_code, "Your role does not allow it" in answer.text) == (403, True), route
            else:
                assert "Your role does not allow it" not in answer.text, route
