"""The receiver's settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from shared.config import PracticeSettings
from shared.setting_types import AbsolutePath, PeriodOf


class ReceiverSettings(PracticeSettings):
    """Settings of ``registered-receiver``; the contract's names in lower case."""

    daemon: ClassVar[str] = "registered-receiver"

    match_review: Annotated[Literal["on", "off"], BeforeValidator(str.lower)] = "on"
    review_within: PeriodOf = Field(default=timedelta(days=1), validate_default=True)
    task_drop_dir: AbsolutePath | None = None
