"""What the synthetic sender reports of a run: as text, as JSON and as a page of HTML; ids and codes only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from federated_sender.harness_exchange import Exchange, Received

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run and what it was made with. ``others`` are messages in the mailbox that answer nothing of it."""

    started_at: datetime
    ended_at: datetime
    mailbox_id: str
    recipient_ods_code: str
    payload: str
    within: timedelta
    exchanges: Sequence[Exchange]
    others: Sequence[str] = field(default=())

    @property
    def conforms(self) -> bool:
        """Whether every exemplar was answered as it must be."""
        return bool(self.exchanges) and not any(each.faults(self.within) for each in self.exchanges)


def as_document(run: Run) -> Document:
    """Return the run as JSON."""
    return {
        "conforms": run.conforms,
        "started_at": _time(run.started_at),
        "ended_at": _time(run.ended_at),
        "mailbox_id": run.mailbox_id,
        "recipient_ods_code": run.recipient_ods_code,
        "payload": run.payload,
        "within_seconds": round(run.within.total_seconds()),
        "exemplars": [_exchange(each, run.within) for each in run.exchanges],
        "other_messages": list(run.others),
    }


def as_text(document: Document) -> str:
    """Return a run as lines for people: one for each exemplar, and one for each thing that does not conform."""
    lines = []
    for each in document["exemplars"]:
        codes = ", ".join(str(response["code"]) for response in each["responses"]) or "nothing"
        lines.append(f"{'ok ' if each['conforms'] else 'BAD'} {each['name']}: {codes}")
        lines += [f"      {fault}" for fault in each["faults"]]
    good = sum(each["conforms"] for each in document["exemplars"])
    return "\n".join([*lines, "", f"{good} of {len(document['exemplars'])} conform"])


def as_html(document: Document) -> str:
    """Return a run as one page of HTML that needs nothing beside it."""
    return _template().render(run=document)


def _exchange(exchange: Exchange, within: timedelta) -> Document:
    exemplar, faults = exchange.exemplar, exchange.faults(within)
    return {
        "name": exemplar.name,
        "what": exemplar.what,
        "requirement": exemplar.requirement,
        "expected": {
            "infrastructure": list(exemplar.expected.infrastructure),
            "business": list(exemplar.expected.business),
        },
        "message_id": exemplar.message_id,
        "mesh_message_id": exchange.mesh_message_id,
        "sent_at": _time(exchange.sent_at),
        "responses": [_response(each, exchange.sent_at) for each in exchange.responses],
        "faults": faults,
        "conforms": not faults,
    }


def _response(received: Received, sent_at: datetime | None) -> Document:
    return {
        "mesh_message_id": received.mesh_message_id,
        "level": str(received.level),
        "code": received.code,
        "received_at": _time(received.received_at),
        "seconds": None if sent_at is None else round((received.received_at - sent_at).total_seconds()),
        "broken_rules": [
            {"id": identifier, "requirement": requirement, "text": text}
            for identifier, requirement, text in received.broken
        ],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("federated_sender"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("harness.html.j2")
