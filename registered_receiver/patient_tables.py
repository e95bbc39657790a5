"""The practice's patients, which the clinical system may write itself (docs/patients.md)."""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from registered_receiver.matching import Status
from registered_receiver.table_base import Base
from shared.tables import one_of

# ten digits; the weighted sum with the check digit is a multiple of eleven
_NHS_NUMBER: Final = (
    "CASE WHEN length(nhs_number) = 10 AND ltrim(nhs_number, '0123456789') = '' THEN ("
    + " + ".join(f"{11 - n} * CAST(substr(nhs_number, {n}, 1) AS INTEGER)" for n in range(1, 11))
    + ") % 11 = 0 ELSE false END"
)
_LATEST: Final = "'9999-12-31'"


class Patient(Base):
    """A patient of the practice, past ones included; nobody is deleted (decision 33).

    The clinical system may write it directly (docs/patients.md): the constraints hold for whoever does.
    """

    __tablename__ = "patient"

    nhs_number: Mapped[str] = mapped_column(String(10), primary_key=True)
    family: Mapped[str] = mapped_column(Text)
    given: Mapped[str] = mapped_column(Text)
    birth_date: Mapped[date] = mapped_column(index=True)
    status: Mapped[Status] = mapped_column(String(16))
    left_on: Mapped[date | None]
    died_on: Mapped[date | None]

    __table_args__ = (
        CheckConstraint(one_of("status", "registered", "left", "deceased"), name="ck_patient_status"),
        CheckConstraint(_NHS_NUMBER, name="ck_patient_nhs_number"),
        CheckConstraint("trim(family) <> ''", name="ck_patient_family"),
        CheckConstraint(f"birth_date BETWEEN '0001-01-01' AND {_LATEST}", name="ck_patient_birth_date"),
        CheckConstraint(f"left_on BETWEEN birth_date AND {_LATEST}", name="ck_patient_left_on"),
        CheckConstraint(f"died_on BETWEEN birth_date AND {_LATEST}", name="ck_patient_died_on"),
        # SQLite has no dates, only text; adding no days turns what is not in the calendar into another date
        CheckConstraint(
            " AND ".join(f"{column} IS date({column}, '+0 days')" for column in ("birth_date", "left_on", "died_on")),
            name="ck_patient_dates_written",
        ).ddl_if(dialect="sqlite"),
    )
