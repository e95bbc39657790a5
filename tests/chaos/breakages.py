"""Builds that are broken on purpose: the experiment must notice each of them, or it proves nothing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

SENDER, RECEIVER = "federated-sender", "registered-receiver"


@dataclass(frozen=True)
class Breakage:
    """A fault that is built into ``daemon``, and where a kill shows it: a part of a boundary's name, and which time."""

    name: str
    daemon: str
    killed: str
    build_in: Callable[[], None]
    number: int = 2


def _acknowledge_before_commit() -> None:
    from shared.mesh.inbox import Collector

    def take(self: Any, message: Any, collected: Any) -> None:
        self._client.acknowledge(message.headers.message_id)
        self._keep(message)
        collected.kept += 1

    Collector._take = take  # type: ignore[method-assign]


def _repeat_the_post_blindly() -> None:
    from federated_sender import send
    from shared.mesh.delivery import Delivery

    def deliver(client: Any, message: Any, **_: Any) -> Delivery:
        return Delivery(client.send(message), adopted=False)

    send.deliver = deliver  # type: ignore[assignment]


def _queue_the_reply_in_another_transaction() -> None:
    from sqlalchemy.orm import Session

    from registered_receiver import response_queue
    from registered_receiver.tables import Message
    from shared.db import after_commit

    queue = response_queue.queue

    def later(session: Session, message: Message, response: Any, now: datetime) -> None:
        engine, key = session.get_bind(), message.mesh_message_id

        def act() -> None:
            with Session(engine, expire_on_commit=False) as another, another.begin():
                queue(another, another.get_one(Message, key), response, now)

        after_commit(session, act)

    response_queue.queue = later


def _store_a_message_twice() -> None:
    from registered_receiver import inbox
    from registered_receiver.tables import Message

    keep = inbox.keep

    def twice(session: Any, incoming: Any, now: datetime) -> Any:
        if session.get(Message, incoming.headers.message_id) is not None:
            again = f"{incoming.headers.message_id}+"
            object.__setattr__(incoming, "headers", replace(incoming.headers, message_id=again))
        return keep(session, incoming, now)

    inbox.keep = twice


def _lease_without_end() -> None:
    from shared.tables import ClaimColumns

    def lease(self: Any, now: datetime, duration: timedelta) -> None:
        self.lease_until = now + timedelta(days=36_500)

    ClaimColumns.lease = lease  # type: ignore[method-assign]


def _new_ids_on_retry() -> None:
    from federated_sender import workload

    claim = workload.claim

    def renewed(*arguments: Any, **more: Any) -> Any:
        work = claim(*arguments, **more)
        if work is None or work.message is None or not work.look_first:
            return work
        old = re.search(rb'<MessageHeader[^>]*>\s*<id value="([^"]+)"', work.message.body)
        assert old is not None
        body = work.message.body.replace(old[1], str(uuid.uuid4()).encode())
        return replace(work, message=replace(work.message, body=body, local_id=f"{uuid.uuid4()}.1"))

    workload.claim = renewed


BREAKAGES = (
    Breakage(
        "acknowledge before commit", RECEIVER, "after PUT inbox/ID/status/acknowledged", _acknowledge_before_commit
    ),
    Breakage("blind repeat of the POST", SENDER, "after POST outbox", _repeat_the_post_blindly),
    Breakage(
        "reply queued outside the task's transaction",
        RECEIVER,
        "process._judge after commit",
        _queue_the_reply_in_another_transaction,
    ),
    Breakage(
        "no uniqueness of mesh_message_id", RECEIVER, "before PUT inbox/ID/status/acknowledged", _store_a_message_twice
    ),
    Breakage("a lease without end", SENDER, "send.step after commit", _lease_without_end),
    Breakage("new ids on retry", SENDER, "after POST outbox", _new_ids_on_retry),
)


def build_in(name: str) -> None:
    """Break this process in the way that has this name."""
    next(each for each in BREAKAGES if each.name == name).build_in()
