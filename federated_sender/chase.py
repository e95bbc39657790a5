"""The chase job: opens an alert for every response that is missing for too long (GPCM-SD-095)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from federated_sender.overdue import alert_for, overdue
from federated_sender.states import AWAITING
from federated_sender.tables import Alert, Report
from federated_sender.workload import open_alert
from shared.clock import Clock
from shared.db import Database

_BATCH = 100


@dataclass(frozen=True)
class Chase:
    """The job; each missing response opens one alert."""

    database: Database
    clock: Clock

    def step(self) -> int:
        """Open the alerts of up to a hundred reports; return how many reports had one to open."""
        now = self.clock()
        with self.database.transaction() as session:
            reports = self._unalerted(session)
            for report in reports:
                for level in overdue(report, now):
                    open_alert(session, report, alert_for(level), None, now)
            return len(reports)

    def _unalerted(self, session: Session) -> list[Report]:
        now = self.clock()

        def untold(level: str) -> ColumnElement[bool]:
            known = exists().where(Alert.subject_id == Report.report_id, Alert.kind == f"{level}_overdue")
            return ~known

        late = or_(
            and_(Report.infrastructure_code.is_(None), Report.infrastructure_due_at <= now, untold("infrastructure")),
            and_(Report.business_code.is_(None), Report.business_due_at <= now, untold("business")),
        )
        query = select(Report).where(Report.state.in_(AWAITING), late).order_by(Report.id).limit(_BATCH)
        return list(session.scalars(query.with_for_update(skip_locked=True)))
