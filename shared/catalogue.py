"""The log lines that both daemons write: each module of the library names its own, here they stand together."""

from __future__ import annotations

from shared import alert_mail, alerts, daemon, heartbeat, mesh_watch, uncollected
from shared.web import events as web_events

EVENTS = (
    *alerts.EVENTS,
    *alert_mail.EVENTS,
    *daemon.EVENTS,
    *heartbeat.EVENTS,
    *mesh_watch.EVENTS,
    *uncollected.EVENTS,
    *web_events.EVENTS,
)
