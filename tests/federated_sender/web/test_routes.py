"""Every route of the sender's pages, and who may use it: a new page must be written down here."""

from __future__ import annotations

import re

import pytest

from federated_sender.web.site import site
from shared.web.server import pages_of
from tests.federated_sender.web.conftest import SignIn

REPORT = "/reports/{report_id:uuid}"
ROUTES = {
    "GET /reports": "viewer",
    f"GET {REPORT}": "viewer",
    f"POST {REPORT}/retry": "clerk",
    f"GET {REPORT}/resend": "clerk",
    f"POST {REPORT}/resend": "clerk",
    f"GET {REPORT}/reissue": "clerk",
    f"POST {REPORT}/reissue": "clerk",
    f"GET {REPORT}/route": "clerk",
    f"POST {REPORT}/route": "clerk",
    f"GET {REPORT}/documents": "clerk",
    f"GET {REPORT}/documents/{{name}}": "clerk",
}
NOTHING = "00000000-0000-4000-8000-000000000000"
# a role has nothing to do with the database
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_route_is_written_down_with_the_role_that_it_needs(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")

    assert {page.route: str(page.role) for page in viewer.site.pages} == ROUTES
    assert {page.route for page in pages_of(site(viewer.site.app))} > set(ROUTES)


def test_no_route_answers_whose_role_is_too_small(sign_in: SignIn) -> None:
    viewer, clerk = sign_in("viewer"), sign_in("clerk")

    for route, needed in ROUTES.items():
        method, path = route.split()
        address = re.sub(r"\{.*?\}", NOTHING, path)
        for page, refused in ((viewer, needed == "clerk"), (clerk, False)):
            page.get("/reports")
            answer = page.ask(method, address, data={"csrf": "x"} if method == "POST" else None)
            assert ("Your role does not allow it" in answer.text) == refused, route
