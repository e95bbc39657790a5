"""The job that brings queued responses to MESH; an outage of MESH never judges or files anything again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from registered_receiver import events, ledger, response_queue
from registered_receiver.ledger import LeaseLost
from registered_receiver.response_queue import ClaimedResponse
from shared.clock import Clock
from shared.db import Database
from shared.errors import (
    MeshAmbiguous,
    MeshError,
    MeshForbidden,
    MeshPending,
    MeshRefused,
    MeshUnavailable,
    MeshUnreachable,
)
from shared.mesh.delivery import deliver
from shared.mesh.mailbox import MeshMailbox


@dataclass(frozen=True)
class Reply:
    """Sends one response at a time."""

    database: Database
    clock: Clock
    client: MeshMailbox

    def step(self) -> int:
        """Send the oldest response that is due; return how many were dealt with.

        Raises MeshUnavailable or MeshForbidden when MESH lets nothing through; nothing is lost of the response.
        """
        with self.database.transaction() as session:
            claimed = response_queue.claim(session, self.clock())
        if claimed is None:
            return 0
        # when the lease was lost, whoever has the response now looks it up and goes on
        with suppress(LeaseLost):
            self._send(claimed)
        return 1

    def _send(self, claimed: ClaimedResponse) -> None:
        try:
            delivery = deliver(self.client, claimed.outgoing, look_first=claimed.look_first)
        except MeshPending:
            self._look_again(claimed)
        except MeshUnreachable:
            self._give_back(claimed)
            raise
        except (MeshUnavailable, MeshForbidden) as error:
            self._postpone(claimed, error)
            raise
        except MeshAmbiguous as error:
            self._postpone(claimed, error)
            # the pause of decision 13 has begun; for this round MESH counts as away
            raise MeshUnavailable(str(error), http_status=error.http_status) from error
        except MeshRefused as error:
            self._park(claimed, error)
        except MeshError as error:
            self._postpone(claimed, error)
        else:
            with self.database.transaction() as session:
                response_queue.mark_sent(session, claimed, delivery, self.clock())

    def _give_back(self, claimed: ClaimedResponse) -> None:
        """Leave the response due for the next round: MESH never heard of it."""
        with self.database.transaction() as session:
            row, _ = response_queue.reclaim(session, claimed)
            row.lease_until = None

    def _look_again(self, claimed: ClaimedResponse) -> None:
        """Give back what is on its way to MESH: it is asked again soon whether MESH took it."""
        with self.database.transaction() as session:
            row, _ = response_queue.reclaim(session, claimed)
            row.look_again(self.clock(), row.post_began_at or self.clock())

    def _postpone(self, claimed: ClaimedResponse, error: MeshError) -> None:
        """Let the response wait, lest it hold up the others if the fault is its own after all."""
        now = self.clock()
        with self.database.transaction() as session:
            row, message = response_queue.reclaim(session, claimed)
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

    def _park(self, claimed: ClaimedResponse, error: MeshRefused) -> None:
        with self.database.transaction() as session:
            response_queue.park_refused(session, claimed, error, self.clock())
