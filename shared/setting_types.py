"""The kinds of values that settings have: durations, sizes, addresses, files; each fault in plain words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import isodate
from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr
from pydantic_core import PydanticCustomError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.identifiers import MailboxId, OdsCode
from shared.mesh.account import url_fault

Period: TypeAlias = timedelta | isodate.Duration
"""A duration that can be added to a time; years and months are calendar ones (decision 36)."""


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return isodate.parse_duration(value)
    except (isodate.ISO8601Error, ValueError):
        raise PydanticCustomError("duration", "must be an ISO 8601 duration such as PT3H or P7D") from None


def _exact(value: Any) -> timedelta:
    value = _duration(value)
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise PydanticCustomError("duration", "must be a duration in days, hours, minutes and seconds, not negative")
    return value


def _period(value: Any) -> Period:
    if not isinstance(value, timedelta | isodate.Duration):
        raise PydanticCustomError("duration", "must be an ISO 8601 duration such as PT24H or P7D")
    if _SOME_DAY + value < _SOME_DAY:
        raise PydanticCustomError("duration", "must not be negative")
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise PydanticCustomError("duration", "must be longer than nothing")
    return value


def _ods(value: str) -> str:
    return _constructed(OdsCode, value)


def _mailbox(value: str) -> str:
    return _constructed(MailboxId, value)


def _constructed(construct: type[str], value: str) -> str:
    try:
        return construct(value)
    except ValueError as error:
        raise PydanticCustomError("identifier", str(error)) from None


def _database(value: SecretStr) -> SecretStr:
    try:
        url = make_url(value.get_secret_value())
    except ArgumentError:
        raise PydanticCustomError("database", "is not a SQLAlchemy URL") from None
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise PydanticCustomError("database", "must begin with sqlite:/// or postgresql+psycopg://")
    if url.drivername == "sqlite" and not Path(url.database or "").is_absolute():
        raise PydanticCustomError("database", "must name the SQLite file by an absolute path (four slashes)")
    return value


def _mesh_url(value: str) -> str:
    rule = url_fault(value)
    if rule is not None:
        raise PydanticCustomError("url", rule)
    return value.rstrip("/")


def _directory(value: Path) -> Path:
    if not (value.is_absolute() and value.is_dir()):
        raise PydanticCustomError("directory", "must be the absolute path of a directory that is there")
    return value


def _readable(value: Path) -> Path:
    if not value.is_file():
        raise PydanticCustomError("file", "names a file that is not there")
    try:
        value.open("rb").close()
    except OSError:
        raise PydanticCustomError("file", "names a file that this user cannot read") from None
    return value


Duration = Annotated[timedelta, BeforeValidator(_exact)]
PeriodOf = Annotated[Any, BeforeValidator(_duration), AfterValidator(_period)]
"""A :data:`Period` as a setting."""
Interval = Annotated[Duration, AfterValidator(_positive)]
Ods = Annotated[str, AfterValidator(_ods)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
MeshUrl = Annotated[str, AfterValidator(_mesh_url)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
Directory = Annotated[Path, AfterValidator(_directory)]
Size = Annotated[ByteSize, Field(gt=0)]
"""Bytes; ``20MB`` is 20 million (decision 36)."""

_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
