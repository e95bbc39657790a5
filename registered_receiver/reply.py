"""The job that brings queued responses to MESH; an outage of MESH never judges or files anything again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.orm import Session

from registered_receiver import events, ledger, response_queue
from registered_receiver.ledger import LeaseLost
from registered_receiver.response_queue import ClaimedResponse
from registered_receiver.tables import Message, Response
from shared.clock import Clock
from shared.db import Database
from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshPending,
    MeshProtocolError,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
)
from shared.log import describe
from shared.mesh.delivery import Delivery, TooLate, deliver
from shared.mesh.inbox import never
from shared.mesh.mailbox import MeshMailbox


@dataclass(frozen=True)
class Reply:
    """Sends the responses to a few messages at a time, one after the other.

    ``stopping`` is asked between two of them whether the others are to wait.
    """

    database: Database
    clock: Clock
    client: MeshMailbox
    stopping: Callable[[], bool] = never

    def step(self) -> int:
        """Send what is due and oldest, with the responses that follow; return how many were dealt with.

        Raises MeshUnavailable or MeshForbidden when MESH lets nothing through; nothing is lost of the responses.
        """
        with self.database.transaction() as session:
            claimed = response_queue.claim(session, self.clock())
        # when the lease was lost, whoever has the responses now looks them up and goes on
        with suppress(LeaseLost):
            self._send(claimed)
        return len(claimed)

    def _send(self, claimed: Sequence[ClaimedResponse]) -> None:
        """Send one after the other until MESH takes one no more, and record all of it at once."""
        deliveries, failure = self._deliver(claimed)
        if claimed:
            with self.database.transaction() as session, session.no_autoflush:
                rows = response_queue.reclaim(session, claimed)
                for (row, message), delivery in zip(rows, deliveries, strict=False):
                    response_queue.mark_sent(session, row, message, delivery, self.clock())
                done = len(deliveries)
                if failure is not None:
                    self._set_back(session, *rows[done], failure)
                    done += 1
                for (row, _), each in zip(rows[done:], claimed[done:], strict=True):
                    response_queue.give_back(row, each)
        if isinstance(failure, MeshAmbiguous):
            # the pause of decision 13 has begun; for this round MESH counts as away
            raise MeshUnavailable(str(failure), http_status=failure.http_status) from failure
        if isinstance(failure, MeshUnavailable | MeshForbidden):
            raise failure

    def _deliver(self, claimed: Sequence[ClaimedResponse]) -> tuple[list[Delivery], MeshError | None]:
        """Return what MESH took, and the error over which it ended."""
        deliveries: list[Delivery] = []
        for each in claimed:
            if deliveries and (self.stopping() or not each.may_begin(self.clock())):
                break
            try:
                deliveries.append(self._bring(each))
            except TooLate:
                break
            except MeshError as error:
                return deliveries, error
            except Exception as error:  # noqa: BLE001 - what MESH took is on record, and the others do not wait for this one
                return deliveries, MeshProtocolError(describe(error))
        return deliveries, None

    def _bring(self, claimed: ClaimedResponse) -> Delivery:
        until = claimed.lease_until
        return deliver(
            self.client, claimed.outgoing, look_first=claimed.look_first, in_time=lambda: self.clock() < until
        )

    def _set_back(self, session: Session, row: Response, message: Message, error: MeshError) -> None:
        """Record what is to become of the response that MESH did not take."""
        if isinstance(error, MeshUnreachable):
            # MESH never heard of it: it stays due for the next round
            row.lease_until = None
        elif isinstance(error, MeshPending):
            # it is on its way: MESH is asked again soon whether it took it
            row.look_again(self.clock(), row.post_began_at or self.clock())
        elif isinstance(error, MeshRefused) and not isinstance(error, MeshForbidden):
            response_queue.park_refused(session, row, message, error, self.clock())
        else:
            self._postpone(session, row, message, error)

    def _postpone(self, session: Session, row: Response, message: Message, error: MeshError) -> None:
        """Let the response wait, lest it hold up the others if the fault is its own after all."""
        now = self.clock()
        parked = False
        if isinstance(error, MeshUnavailable | MeshAmbiguous | MeshForbidden):
            # however long it lasts: it is MESH's fault or our account's, not the response's
            row.back_off(now, wish=error.retry_after)
        else:
            parked = ledger.postpone(session, message, row, now, str(error))
        if not parked:
            extra = {"local_id": row.local_id, "code": row.code, "attempts": row.attempts}
            ledger.say(
                session,
                events.RESPONSE_POSTPONED,
                message,
                error=str(error),
                next_attempt_at=str(row.next_attempt_at),
                **extra,
            )
