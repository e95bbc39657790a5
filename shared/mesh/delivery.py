"""Sending a message so that it is neither lost nor needlessly sent twice (decisions 12, 13 and 32)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import MeshGone, MeshPending, MessagingError
from shared.mesh.mailbox import MeshMailbox
from shared.mesh.messages import LocalIdTracking, OutgoingMessage, Taken


class TooLate(MessagingError):
    """So much time passed before the POST that another process may bring the message by now; nothing was posted."""


def whenever_it_is() -> bool:
    """Say that nobody else brings the message, however long it takes."""
    return True


@dataclass(frozen=True, slots=True)
class Delivery:
    """MESH has the message. ``message_id`` is None when it took it several times, for then it tells no id.

    ``adopted`` says that an earlier attempt had got through and nothing was posted now.
    """

    message_id: str | None
    adopted: bool


def deliver(
    client: MeshMailbox,
    message: OutgoingMessage,
    *,
    look_first: bool,
    in_time: Callable[[], bool] = whenever_it_is,
) -> Delivery:
    """Bring ``message`` to MESH, creating it there at most once.

    ``look_first`` is for every attempt after an ambiguous one, after a restore and after a crash between the POST
    and the commit: what MESH already holds under the local id is adopted. The caller keeps "maybe sent" before
    this call or on MeshAmbiguous, pauses, and calls again with ``look_first``; nothing is posted again here, since
    MESH may need a moment to know what it took. An upload that lacks chunks is continued, and what is still on its
    way to MESH raises MeshPending. ``in_time`` is asked last of all, since a computer may have slept meanwhile: when
    it says no, that raises TooLate. Other errors are those of ``MeshMailbox.send`` and ``track_local_id``.
    """
    if look_first:
        known = client.track_local_id(message.local_id)
        if known.taken is Taken.ON_ITS_WAY:
            raise MeshPending("it was handed over, and MESH has not taken it yet")
        if known.taken is Taken.UNFINISHED:
            return _continued(client, message, known, in_time)
        # several uploads may all be unfinished ones, which MESH does not tell apart: a loss is worse than a duplicate
        unsure = known.taken is Taken.SEVERAL_TIMES and client.number_of_chunks(message) > 1
        if known.taken is not Taken.NEVER and not unsure:
            return Delivery(known.message_id, adopted=not known.is_usual)
    return _posted(client, message, in_time)


def _posted(client: MeshMailbox, message: OutgoingMessage, in_time: Callable[[], bool]) -> Delivery:
    if not in_time():
        raise TooLate("the lease ended before the POST")
    return Delivery(client.send(message), adopted=False)


def _continued(
    client: MeshMailbox, message: OutgoingMessage, known: LocalIdTracking, in_time: Callable[[], bool]
) -> Delivery:
    """Go on with an upload that broke off; begin anew when it is not one of these chunks: MESH shows it to nobody."""
    chunks = client.number_of_chunks(message)
    if known.message_id and chunks > 1 and known.chunks in (None, chunks):
        try:
            return Delivery(client.resume(message, known.message_id), adopted=True)
        except MeshGone:
            pass
    return _posted(client, message, in_time)
