"""The web pages of both daemons, as a clerk uses them and as somebody outside tries them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from federated_sender.web.site import site as sender_site
from registered_receiver.web.site import site as receiver_site
from shared.web.site import Page, Site, Visit
from tests.canary import receiver_paths, sender_paths, words
from tests.canary.net import Net
from tests.canary.worlds import ReceiverWorld, SenderWorld
from tests.shared.web.browsing import Browser, add_user, hash_hastily, signed_in


def fail(_visit: Visit[Any]) -> Any:
    raise ValueError(words.FAMILY, words.NUMBER)


def opened(site: Site[Any], role: str | None, net: Net) -> Browser:
    """Return a browser whose addresses and headers, but not its pages, are looked at."""
    page = Browser(replace(site, pages=(*site.pages, Page("GET", "/failing", None, fail))))
    asked = page.ask

    def ask(method: str, path: str, **more: Any) -> Any:
        answer = asked(method, path, **more)
        net.see("an address of the pages", path)
        net.see("a header of the pages", str(answer.headers))
        return answer

    page.ask = ask  # type: ignore[method-assign]
    if role is not None:
        signed_in(page, role)
    return page


def try_from_outside(site: Site[Any], net: Net) -> None:
    """Sign in badly, too often, and well; send a form of nobody's; meet a page that fails; sign out."""
    page = opened(site, None, net)
    with pytest.MonkeyPatch.context() as patch:
        # as many as it takes to lock somebody out
        hash_hastily(patch)
        add_user(site, "jane")
        for name in (words.FAMILY, "jane"):
            for _ in range(6):
                page.sign_in(name, words.NUMBER)
        with site.app.database.transaction() as session:
            session.execute(delete(site.app.accounts.lockout))
        page.sign_in("jane")
    for path in ("/failing", "/alerts", "/alerts/nobody", "/audit", "/"):
        page.get(path)
    page.ask("POST", "/logout", data={"csrf": words.NUMBER})
    page.get("/alerts")
    page.post("/logout")
    page.close()


@receiver_paths.path("the web pages")
def receiver(receiver: ReceiverWorld) -> None:
    net, site = receiver.world.net, receiver_site(receiver.app)
    receiver.deliver()
    misspelt = replace(words.PATIENT, name=replace(words.PATIENT.name, family=f"{words.FAMILY}s"))
    receiver.deliver(words.report(patient=misspelt, consultation_id=CONSULTATION, report_id=REPORT))
    receiver.once()
    page = opened(site, "clerk", net)
    task, review = receiver.bench.tasks()[0]["task_id"], f"/near-misses/{receiver.bench.reviews()[0]['review_id']}"
    for path in (
        "/tasks",
        f"/tasks/{task}",
        f"/tasks/{task}/documents/1",
        "/near-misses",
        "/messages?state=all",
        review,
    ):
        assert page.get(path).status_code == 200
    page.post(review, {"choice": "other", "nhs_number": words.OTHER_NUMBER, "reason": words.WHY})
    page.get("/search")
    page.post("/search", {"nhs_number": words.FAMILY})
    assert words.FAMILY in page.post("/search", {"nhs_number": words.NUMBER}).text
    page.post(f"/tasks/{task}/complete")
    page.close()
    try_from_outside(site, net)


@sender_paths.path("the web pages")
def sender(sender: SenderWorld) -> None:
    sender.send()
    report_id = sender.bench.only()["report_id"]
    page = opened(sender_site(sender.app), "clerk", sender.world.net)
    for path in ("/reports", f"/reports/{report_id}"):
        assert page.get(path).status_code == 200
    page.close()
    try_from_outside(sender_site(sender.app), sender.world.net)


CONSULTATION = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e02"
REPORT = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e03"
