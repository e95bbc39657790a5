"""The patient index refuses rows that could never be matched, whoever writes them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WEIGHTED = " + ".join(f"{11 - n} * CAST(substr(nhs_number, {n}, 1) AS INTEGER)" for n in range(1, 11))
_CHECKS = {
    "ck_patient_nhs_number": (
        "CASE WHEN length(nhs_number) = 10 AND ltrim(nhs_number, '0123456789') = ''"
        f" THEN ({_WEIGHTED}) % 11 = 0 ELSE false END"
    ),
    "ck_patient_family": "trim(family) <> ''",
    "ck_patient_birth_date": "birth_date BETWEEN '0001-01-01' AND '9999-12-31'",
    "ck_patient_left_on": "left_on BETWEEN birth_date AND '9999-12-31'",
    "ck_patient_died_on": "died_on BETWEEN birth_date AND '9999-12-31'",
}
# SQLite has no dates, only text; adding no days turns what is not in the calendar into another date
_WRITTEN = " AND ".join(f"{column} IS date({column}, '+0 days')" for column in ("birth_date", "left_on", "died_on"))


def upgrade() -> None:
    """Forward only."""
    if op.get_bind().dialect.name == "postgresql":
        for name, condition in _CHECKS.items():
            op.create_check_constraint(name, "patient", condition)
        return
    # SQLite adds no constraint to a table that is there
    op.create_table(
        "patient_checked",
        sa.Column("nhs_number", sa.String(length=10), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("died_on", sa.Date(), nullable=True),
        sa.CheckConstraint("status IN ('registered', 'left', 'deceased')", name="ck_patient_status"),
        *(sa.CheckConstraint(condition, name=name) for name, condition in _CHECKS.items()),
        sa.CheckConstraint(_WRITTEN, name="ck_patient_dates_written"),
        sa.PrimaryKeyConstraint("nhs_number"),
    )
    columns = "nhs_number, family, given, birth_date, status, left_on, died_on"
    op.execute(f"INSERT INTO patient_checked ({columns}) SELECT {columns} FROM patient")
    op.drop_table("patient")
    op.rename_table("patient_checked", "patient")
    op.create_index(op.f("ix_patient_birth_date"), "patient", ["birth_date"], unique=False)
