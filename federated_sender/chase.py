"""The chase job: opens an alert for every report that is not sent and every response that is missing for too long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from federated_sender.overdue import alert_for, overdue, unsent_alert
from federated_sender.states import State
from federated_sender.tables import Report
from federated_sender.workload import open_alert
from shared.clock import Clock
from shared.db import Database, is_one_of

_BATCH = 100
# the three-hour duty is watched: sending takes seconds, so this is long
_UNSENT_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class Chase:
    """The job; each missing step of a report opens one alert, once."""

    database: Database
    clock: Clock

    def step(self) -> int:
        """Open the alerts of up to a hundred reports; return how many reports had one to open."""
        now = self.clock()
        with self.database.transaction() as session:
            return self._unsent(session, now) + self._unanswered(session, now)

    def _unsent(self, session: Session, now: datetime) -> int:
        """Tell of reports that have been due for too long (GPCM-SD-076, 096)."""
        late = and_(
            is_one_of(Report.state, State.WAITING, State.QUEUED),
            Report.due_at <= now - _UNSENT_FOR,
            Report.unsent_alerted_at.is_(None),
            # what was set aside has an alert of its own
            Report.parked_at.is_(None),
        )
        query = select(Report).where(late).order_by(Report.due_at).limit(_BATCH)
        reports = session.scalars(query.with_for_update(skip_locked=True)).all()
        for report in reports:
            open_alert(session, report, unsent_alert(), None, now)
            report.unsent_alerted_at = now
        return len(reports)

    def _unanswered(self, session: Session, now: datetime) -> int:
        """Tell of responses that are missing for too long (GPCM-SD-095)."""
        late = or_(
            and_(
                Report.infrastructure_code.is_(None),
                Report.infrastructure_due_at <= now,
                Report.infrastructure_alerted_at.is_(None),
            ),
            and_(Report.business_code.is_(None), Report.business_due_at <= now, Report.business_alerted_at.is_(None)),
        )
        query = (
            select(Report)
            .where(is_one_of(Report.state, State.SENT, State.ACCEPTED), late)
            .order_by(Report.infrastructure_due_at, Report.id)
            .limit(_BATCH)
        )
        reports = session.scalars(query.with_for_update(skip_locked=True)).all()
        for report in reports:
            for level in overdue(report, now):
                if getattr(report, f"{level}_alerted_at") is None:
                    open_alert(session, report, alert_for(level, report), None, now)
                    setattr(report, f"{level}_alerted_at", now)
        return len(reports)
