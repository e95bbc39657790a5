"""What people at the pages are told to do about an alert: a mail, the log and the CLI name a command, a page a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.web.links import Link
from shared.web.page_words import in_page_words

_RECORD: Final = "{record}"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about one kind of alert, and in short what it is. ``links`` lead to the pages that do it.

    ``{record}`` in a link is the page about the alert's subject. Without ``words`` the alert's own are said, because
    they depend on its code.
    """

    title: str
    words: str = ""
    links: tuple[Link, ...] = ()


def advise(table: Mapping[str, Advice], alert: Mapping[str, Any], record: str | None) -> Advice:
    """Return what to say about ``alert``, in the contract's shape, and where its links lead.

    ``record`` is the path of the page about its subject, None when there is none: nothing leads there then.
    """
    found = table.get(alert["kind"], Advice(str(alert["kind"]).replace("_", " ").capitalize()))
    links = tuple(
        replace(link, path=link.path.replace(_RECORD, record or ""))
        for link in found.links
        if record or _RECORD not in link.path
    )
    return Advice(found.title, found.words or in_page_words(alert["action"]), links)


OF_BOTH: Final[Mapping[str, Advice]] = {
    "mesh_refused": Advice(
        "MESH refuses this mailbox",
        "Whoever runs this service looks today at mailbox id, password, shared key, certificate and clock. Nothing is"
        " sent or received meanwhile.",
    ),
    "certificate_expires": Advice(
        "A certificate ends soon",
        "Whoever runs this service orders a new certificate from NHS England and puts it in the place of the old one.",
    ),
    "clock_off": Advice(
        "This machine's clock is wrong",
        "Whoever runs this service sets the clock right and starts time synchronisation: MESH lets nobody in whose"
        " clock is two hours off.",
    ),
    "mesh_client_stopped": Advice(
        "The MESH client stands still",
        "Whoever runs this service starts NHS England's MESH client and reads its log. The files in the folder OUT stay"
        " where they are.",
    ),
    "collection_failed": Advice(
        "A message cannot be collected",
        "It is tried again by itself. If that lasts a day, whoever runs this service gives the MESH service desk the"
        " message's id.",
    ),
}
"""The kinds of alerts that both daemons open."""
