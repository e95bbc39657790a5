"""Fixtures of the receiver's web tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from registered_receiver.web.site import site as receiver_site
from tests.registered_receiver.bench import ReceiverBench, report
from tests.shared.web.browsing import Browser, hash_hastily, signed_in

Open = Callable[..., Browser]


@pytest.fixture(autouse=True)
def hasty_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    hash_hastily(monkeypatch)


@pytest.fixture
def open_pages() -> Iterator[Open]:
    """Give what opens a browser on a receiver's pages, signed in as a user of a role who is called like it."""
    opened: list[Browser] = []

    def open_(bench: ReceiverBench, role: str = "clerk") -> Browser:
        page = Browser(receiver_site(bench.receiver))
        opened.append(page)
        signed_in(page, role)
        return page

    yield open_
    for page in opened:
        page.close()


@pytest.fixture
def filed(receiver: ReceiverBench) -> ReceiverBench:
    """Give a receiver that has filed one report."""
    receiver.deliver(report())
    receiver.once()
    return receiver
