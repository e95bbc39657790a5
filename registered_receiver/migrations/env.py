"""Alembic's entry: runs on the connection that :meth:`shared.db.Database.migrate` opened."""

from alembic import context

from shared.db import run_migrations

run_migrations(context.config.attributes["connection"])
