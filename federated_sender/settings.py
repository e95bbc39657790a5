"""The sender's settings, and the federation it belongs to."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from shared.config import PracticeSettings
from shared.errors import ConfigurationError, Fault
from shared.identifiers import OdsCode
from shared.itk3.model import Organization
from shared.itk3.systems import DOCUMENT_WORKFLOW, FEDERATED_WORKFLOW
from shared.setting_types import (
    Address,
    Directory,
    Duration,
    Interval,
    ListenAddress,
    PeriodOf,
    ReadableFile,
    ServiceUrl,
)


class SenderSettings(PracticeSettings):
    """Settings of ``federated-sender``; the contract's names in lower case."""

    daemon: ClassVar[str] = "federated-sender"

    practice_name: str
    practice_telephone: str
    practice_email: str | None = None
    practice_town: str | None = None
    federation_file: ReadableFile
    payload: Annotated[Literal["task", "document"], BeforeValidator(str.lower)] = "task"
    mesh_workflow_id: str = ""  # PAYLOAD decides
    outbox_poll_interval: Interval = timedelta(seconds=30)
    send_delay: Duration = timedelta(hours=3)  # GPCM-SD-101
    pds_mode: Literal["outbox", "fhir"] = "outbox"
    pds_url: ServiceUrl | None = None
    pds_token_url: ServiceUrl | None = None
    pds_api_key: SecretStr | None = None
    pds_key_id: str | None = None
    pds_private_key_file: ReadableFile | None = None
    pds_rate_limit: Annotated[int, Field(ge=1)] = 5
    mesh_routing_date_format: Literal["YYYYMMDD", "DDMMYYYY"] = "YYYYMMDD"
    infrastructure_response_within: PeriodOf = Field(default=timedelta(hours=24), validate_default=True)
    business_response_within: PeriodOf = Field(default=timedelta(days=7), validate_default=True)
    alert_email_patient: Annotated[Literal["on", "off"], BeforeValidator(str.lower)] = "off"
    track_after: Interval = timedelta(hours=1)
    outbox_attachment_dir: Directory | None = None
    # both daemons may be on one machine
    web_listen: ListenAddress = Address("127.0.0.1", 8082)

    @model_validator(mode="before")
    @classmethod
    def _workflow(cls, values: dict[str, str]) -> dict[str, str]:
        """Let a document travel in the workflow of documents unless another is named."""
        is_document = values.get("PAYLOAD", "").lower() == "document"
        return {"MESH_WORKFLOW_ID": DOCUMENT_WORKFLOW if is_document else FEDERATED_WORKFLOW} | values

    @field_validator("pds_private_key_file")
    @classmethod
    def _signs_for_pds(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None or info.data.get("pds_mode") != "fhir":
            return value
        # only here: nobody else needs the libraries for signing
        from federated_sender.pds_token import read_private_key

        try:
            read_private_key(value.read_bytes())
        except ValueError as error:
            raise PydanticCustomError("key", str(error)) from None
        return value


def read_federation(path: Path) -> Mapping[str, Organization]:
    """Read ``FEDERATION_FILE``: CSV with the columns ods_code, name and telephone, one practice a line.

    Raises ConfigurationError that names every bad line (GPCM-SD-085: this is the local federation definition).
    """
    faults: list[Fault] = []
    practices: dict[str, Organization] = {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError([Fault("FEDERATION_FILE", "cannot be read as UTF-8 text")]) from None
    rows = csv.DictReader(text.splitlines())
    if not {"ods_code", "name", "telephone"} <= set(rows.fieldnames or ()):
        raise ConfigurationError([Fault("FEDERATION_FILE", "must begin with the line ods_code,name,telephone")])
    for row in rows:
        where = f"FEDERATION_FILE line {rows.line_num}"
        practice = _practice(row, where, faults)
        if practice is not None and practice.ods_code in practices:
            faults.append(Fault(where, "names a practice that an earlier line names"))
        elif practice is not None:
            practices[practice.ods_code] = practice
    if faults:
        raise ConfigurationError(faults)
    return practices


def _practice(row: Mapping[str, str | None], where: str, faults: list[Fault]) -> Organization | None:
    try:
        ods_code = OdsCode(row["ods_code"] or "")
    except ValueError as error:
        faults.append(Fault(where, f"ods_code {error}"))
        return None
    name, telephone = (row["name"] or "").strip(), (row["telephone"] or "").strip()
    # GPCM-SD-030, GPCM-SD-031: the receiving practice's name and telephone must be in the message
    for column, value in (("name", name), ("telephone", telephone)):
        if not value:
            faults.append(Fault(where, f"{column} is empty"))
    return Organization(ods_code, name, telephone) if name and telephone else None
