"""The track job: asks MESH what became of reports that nobody answered, each rarely (decision 0015)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, not_, or_, select
from sqlalchemy.orm import Session

from federated_sender import events, ledger
from federated_sender.responses import on_tracking
from federated_sender.states import Event, State
from federated_sender.tables import Report
from federated_sender.tracking import (
    AGAIN_AFTER,
    BEFORE_ALERT,
    FORGOTTEN_AFTER,
    Tracked,
    read_status,
    tracked,
)
from federated_sender.workload import open_alert
from shared.clock import Clock
from shared.db import Database, after_commit, is_one_of
from shared.errors import MeshError, MeshForbidden, MeshGone, MeshUnavailable
from shared.log import emit
from shared.mesh.mailbox import MeshMailbox

# MESH asks not to poll tracking: the rest waits for the next round
_MOST_A_ROUND = 20


@dataclass(frozen=True)
class _LookUp:
    report: int
    mesh_message_id: str
    before: datetime | None


@dataclass(frozen=True)
class Track:
    """The job; ``after`` is how long a report may be without an answer before MESH is asked about it."""

    database: Database
    mesh: MeshMailbox
    clock: Clock
    after: timedelta

    def step(self) -> int:
        """Look up to twenty reports up; return how many MESH was asked about.

        Raises MeshUnavailable when MESH does not answer; whatever else goes wrong concerns one report and harms
        nothing: it is asked about again another day.
        """
        for number in range(_MOST_A_ROUND):
            now = self.clock()
            with self.database.transaction() as session:
                look_up = self._claim(session, now)
            if look_up is None:
                return number
            if not self._look_up(look_up, now):
                return number
        return _MOST_A_ROUND

    def _claim(self, session: Session, now: datetime) -> _LookUp | None:
        """Take the report that is most in want of a look; another process then leaves it alone."""
        query = select(Report).where(self._wanted(now)).order_by(Report.tracked_at.is_not(None), Report.sent_at)
        report = session.scalars(query.limit(1).with_for_update(skip_locked=True)).one_or_none()
        if report is None or report.mesh_message_id is None:
            return None
        look_up = _LookUp(report.id, report.mesh_message_id, report.tracked_at)
        if tracked(report) is None:
            # what is known of an earlier send says nothing of this one
            report.tracking_status = None
        report.tracked_at = now
        return look_up

    def _wanted(self, now: datetime) -> ColumnElement[bool]:
        never = or_(Report.tracked_at.is_(None), Report.tracked_at < Report.sent_at)
        # the alert tells what is known: it must not be a day old
        soon_overdue = or_(
            and_(Report.infrastructure_due_at <= now + BEFORE_ALERT, Report.infrastructure_alerted_at.is_(None)),
            and_(Report.business_due_at <= now + BEFORE_ALERT, Report.business_alerted_at.is_(None)),
        )
        again = or_(
            Report.tracked_at <= now - AGAIN_AFTER,
            and_(soon_overdue, Report.tracked_at <= now - BEFORE_ALERT),
        )
        unsettled = or_(Report.tracking_status.is_(None), Report.tracking_status != Tracked.COLLECTED)
        return and_(
            is_one_of(Report.state, State.SENT),
            Report.infrastructure_code.is_(None),
            Report.business_code.is_(None),
            # once a newer version is delivered nobody waits for this one (decision 24)
            Report.infrastructure_due_at.is_not(None),
            Report.mesh_message_id.is_not(None),
            Report.sent_at > now - FORGOTTEN_AFTER,
            or_(
                and_(never, or_(Report.sent_at <= now - self.after, soon_overdue)),
                and_(not_(never), unsettled, again),
            ),
        )

    def _look_up(self, look_up: _LookUp, now: datetime) -> bool:
        """Ask MESH; say False when it lets nobody of ours in, so that the round can end."""
        try:
            found = self._ask(look_up.mesh_message_id)
        except (MeshUnavailable, MeshForbidden) as error:
            self._give_back(look_up, now)
            if isinstance(error, MeshUnavailable):
                raise
            # the collect job meets the same, and tells
            return False
        except MeshError as error:
            emit(events.TRACKING_FAILED, mesh_message_id=look_up.mesh_message_id, error=str(error))
            found = Tracked.UNCLEAR
        with self.database.transaction() as session:
            self._keep(session, look_up, found, now)
        return True

    def _ask(self, mesh_message_id: str) -> Tracked:
        try:
            return read_status(self.mesh.track(mesh_message_id).status)
        except MeshGone:
            # a gateway may say 404 to everything: only MESH shakes hands
            self.mesh.handshake()
            return Tracked.UNKNOWN_TO_MESH

    def _give_back(self, look_up: _LookUp, now: datetime) -> None:
        with self.database.transaction() as session:
            report = session.get_one(Report, look_up.report, with_for_update=True)
            if report.tracked_at == now:
                report.tracked_at = look_up.before

    def _keep(self, session: Session, look_up: _LookUp, found: Tracked, now: datetime) -> None:
        report = session.get_one(Report, look_up.report, with_for_update=True)
        answered = report.infrastructure_code or report.business_code
        if report.state != State.SENT or answered or report.mesh_message_id != look_up.mesh_message_id:
            # the answer came while MESH was asked
            return
        known = tracked(report)
        report.tracking_status = found
        if found is known:
            return
        ledger.advance(session, report, Event.NOTED, now, detail=f"MESH's tracking: {found}")
        line = ledger.ids(report) | {"tracking": str(found)}
        after_commit(session, lambda: emit(events.REPORT_TRACKED, **line))
        need = on_tracking(found)
        if need is not None:
            open_alert(session, report, need, None, now)
