"""The kinds of values that settings have: durations, sizes, addresses, files; each fault in plain words."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias

import isodate
from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr
from pydantic_core import PydanticCustomError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.identifiers import MailboxId, OdsCode
from shared.mesh.account import url_fault
from shared.smtp import smtp_server

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


def _service_url(value: str) -> str:
    rule = url_fault(value, with_path=True)
    if rule is not None:
        raise PydanticCustomError("url", rule)
    return value.rstrip("/")


def _directory(value: Path) -> Path:
    if not (value.is_absolute() and value.is_dir()):
        raise PydanticCustomError("directory", "must be the absolute path of a directory that is there")
    return value


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise PydanticCustomError("path", "must be an absolute path")
    return value


def _readable(value: Path) -> Path:
    if not value.is_file():
        raise PydanticCustomError("file", "names a file that is not there")
    try:
        value.open("rb").close()
    except OSError:
        raise PydanticCustomError("file", "names a file that this user cannot read") from None
    return value


def _email(value: str) -> str:
    # its tables take a while to load, and only who mails alerts needs them
    from email_validator import EmailNotValidError, validate_email

    # a practice's mail may stay inside its network, under a name that the library takes for nobody's
    is_inside = value.rpartition(".")[2].rpartition("@")[2].lower() in _INSIDE
    address = f"{value}.example.org" if is_inside else value
    try:
        found = validate_email(address, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise PydanticCustomError("email", "must be e-mail addresses such as practice@example.org") from None
    return value if is_inside else found.ascii_email or found.normalized


def _emails(value: object) -> object:
    if not isinstance(value, str):
        return value
    addresses = tuple(dict.fromkeys(_email(each.strip()) for each in value.split(",") if each.strip()))
    if not addresses:
        raise PydanticCustomError("email", "must be e-mail addresses parted by commas")
    return addresses


def _smtp_url(value: str) -> str:
    try:
        smtp_server(value)
    except ValueError as error:
        raise PydanticCustomError("url", str(error)) from None
    return value


class Address(NamedTuple):
    """Where an endpoint listens."""

    host: str
    port: int


def _loopback(value: object) -> object:
    address = _address(value)
    if not isinstance(address, Address):
        return value
    if not is_loopback(address.host):
        raise PydanticCustomError("address", "must be a loopback address and a port, such as 127.0.0.1:9464")
    return address


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, _, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        host = ""
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise PydanticCustomError("address", "must be an IP address and a port, such as 127.0.0.1:9464")
    return Address(host, int(port))


def is_loopback(host: str) -> bool:
    """Say whether an IP address is this machine's own; what is none is not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listed(value: object) -> object:
    return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise PydanticCustomError(
            "network", "must be IP addresses or networks, such as 10.0.0.7, 172.16.0.0/12"
        ) from None


def _host_name(value: str) -> str:
    if not _HOST.fullmatch(value.lower()):
        raise PydanticCustomError("host", "must be host names without a port, such as worklist.example.org")
    return value.lower()


def _header_name(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise PydanticCustomError("header", "must be the name of a header, such as X-Forwarded-User")
    return value.lower()


Duration = Annotated[timedelta, BeforeValidator(_exact)]
PeriodOf = Annotated[Any, BeforeValidator(_duration), AfterValidator(_period)]
"""A :data:`Period` as a setting."""
Interval = Annotated[Duration, AfterValidator(_positive)]
EmailAddress = Annotated[str, AfterValidator(_email)]
EmailAddresses = Annotated[tuple[str, ...], BeforeValidator(_emails)]
SmtpUrl = Annotated[str, AfterValidator(_smtp_url)]
Ods = Annotated[str, AfterValidator(_ods)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
MeshUrl = Annotated[str, AfterValidator(_mesh_url)]
ServiceUrl = Annotated[str, AfterValidator(_service_url)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
LoopbackAddress = Annotated[Address, BeforeValidator(_loopback)]
ListenAddress = Annotated[Address, BeforeValidator(_address)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_listed)]
HostNames = Annotated[tuple[Annotated[str, AfterValidator(_host_name)], ...], BeforeValidator(_listed)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Directory = Annotated[Path, AfterValidator(_directory)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
"""A path that need not be there yet: a share may come and go."""
Size = Annotated[ByteSize, Field(gt=0)]
"""Bytes; ``20MB`` is 20 million (decision 36)."""

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_INSIDE = frozenset({"local", "localhost", "test"})
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
