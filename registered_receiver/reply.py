"""The job that brings queued responses to MESH; an outage of MESH never judges or files anything again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy.orm import Session

from registered_receiver import events, ledger, response_queue
from registered_receiver.ledger import LeaseLost
from registered_receiver.response_queue import ClaimedResponse
from registered_receiver.tables import Message, Response
from shared.clock import Clock
from shared.db import DATABASE_AWAY, Database
from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshPending,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
)
from shared.log import describe
from shared.mesh.delivery import Delivery, TooLate, deliver
from shared.mesh.inbox import never
from shared.mesh.mailbox import MeshMailbox

# over these a go ends: every other response would meet the same
_NOTHING_PASSES: Final = (MeshUnavailable, MeshAmbiguous, MeshForbidden)

Outcome: TypeAlias = Delivery | Exception
Try: TypeAlias = tuple[ClaimedResponse, Outcome | None]


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

        Raises MeshUnavailable or MeshForbidden when MESH lets nothing through, and whatever unforeseen befell one of
        them; that is on record then, and nothing is lost of the responses.
        """
        with self.database.transaction() as session:
            claimed = response_queue.claim(session, self.clock())
        self._send(claimed)
        return len(claimed)

    def _send(self, claimed: Sequence[ClaimedResponse]) -> None:
        """Send one after the other, record what became of each, and say what went wrong that is not of one alone."""
        outcomes = self._deliver(claimed)
        errors = self._record([(each, outcomes.get(each.response_id)) for each in claimed])
        errors += [error for error in outcomes.values() if isinstance(error, Exception)]
        for error in errors:
            if not isinstance(error, MeshError):
                # likely a fault of the daemon itself, which all others meet, too
                raise error
        for error in errors:
            if isinstance(error, MeshAmbiguous):
                # the pause of decision 13 has begun; for this round MESH counts as away
                raise MeshUnavailable(str(error), http_status=error.http_status) from error
            if isinstance(error, _NOTHING_PASSES):
                raise error

    def _deliver(self, claimed: Sequence[ClaimedResponse]) -> dict[str, Outcome]:
        """Return what became of each response that was tried; the others are to wait.

        After an infrastructure response that did not go, the business response to the same message waits.
        """
        outcomes: dict[str, Outcome] = {}
        waiting: set[str] = set()
        for each in claimed:
            if outcomes and (self.stopping() or not each.may_begin(self.clock())):
                break
            if each.mesh_message_id in waiting:
                continue
            try:
                outcomes[each.response_id] = self._bring(each)
            except TooLate:
                break
            except Exception as error:  # noqa: BLE001 - what MESH took is on record, and the others do not wait for this one
                outcomes[each.response_id] = error
                waiting.add(each.mesh_message_id)
                if isinstance(error, _NOTHING_PASSES):
                    break
        return outcomes

    def _bring(self, claimed: ClaimedResponse) -> Delivery:
        until = claimed.lease_until
        return deliver(
            self.client, claimed.outgoing, look_first=claimed.look_first, in_time=lambda: self.clock() < until
        )

    def _record(self, tries: Sequence[Try]) -> list[Exception]:
        """Record all of it at once, or, where that fails, each for itself; return why some could not be recorded."""
        if not tries:
            return []
        try:
            self._write(tries)
        except Exception:  # noqa: BLE001 - it comes again below, for the response that it is about
            return [error for each in tries if (error := self._record_alone(each)) is not None]
        return []

    def _record_alone(self, tried: Try) -> Exception | None:
        """Record what became of one response; where that fails, let it wait, and in the end be parked."""
        # when the lease was lost, whoever has the response now looks it up and goes on
        with suppress(LeaseLost):
            try:
                self._write([tried])
            except (LeaseLost, *DATABASE_AWAY):
                raise
            except Exception as error:  # noqa: BLE001 - it must not keep the others from being recorded
                self._write([(tried[0], error)])
                return error
        return None

    def _write(self, tries: Sequence[Try]) -> None:
        with self.database.transaction() as session, session.no_autoflush:
            rows = response_queue.reclaim(session, [claimed for claimed, _ in tries])
            for (row, message), (claimed, outcome) in zip(rows, tries, strict=True):
                if outcome is None:
                    response_queue.give_back(row, claimed)
                elif isinstance(outcome, Delivery):
                    response_queue.mark_sent(session, row, message, outcome, self.clock())
                else:
                    self._set_back(session, row, message, outcome)

    def _set_back(self, session: Session, row: Response, message: Message, error: Exception) -> None:
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

    def _postpone(self, session: Session, row: Response, message: Message, error: Exception) -> None:
        """Let the response wait, lest it hold up the others if the fault is its own after all."""
        now = self.clock()
        parked = False
        if isinstance(error, _NOTHING_PASSES):
            # however long it lasts: it is MESH's fault or our account's, not the response's
            row.back_off(now, wish=error.retry_after)
        else:
            parked = ledger.postpone(session, message, row, now, describe(error))
        if not parked:
            extra = {"local_id": row.local_id, "code": row.code, "attempts": row.attempts}
            ledger.say(
                session,
                events.RESPONSE_POSTPONED,
                message,
                error=describe(error),
                next_attempt_at=str(row.next_attempt_at),
                **extra,
            )
