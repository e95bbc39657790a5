"""Settings from an environment that is given as a value; every fault is named at once."""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar, get_args

import isodate
from dotenv.parser import parse_stream
from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.errors import ConfigurationError, Fault
from shared.itk3.systems import FEDERATED_WORKFLOW, WORKFLOWS
from shared.setting_groups import missing_partners
from shared.setting_types import (
    AbsolutePath,
    Address,
    DatabaseUrl,
    EmailAddress,
    EmailAddresses,
    HeaderName,
    HostNames,
    Interval,
    ListenAddress,
    LoopbackAddress,
    Mailbox,
    MeshUrl,
    Networks,
    Ods,
    PeriodOf,
    ReadableFile,
    Size,
    SmtpUrl,
    is_loopback,
)

S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """Base of a daemon's settings: each field is the environment variable of the same name in capitals."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        alias_generator=str.upper,
        arbitrary_types_allowed=True,
        # only the settings that are loaded are made ready, not those that they are derived from
        defer_build=True,
    )

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of all variables, with ``X_FILE`` for each secret ``X``."""
        names = {name.upper() for name in cls.model_fields}
        return frozenset(names | {f"{name}_FILE" for name in cls.secrets()})

    @classmethod
    def secrets(cls) -> frozenset[str]:
        """Return the names of the variables that may come from a file instead."""
        return frozenset(
            name.upper()
            for name, field in cls.model_fields.items()
            if SecretStr in (field.annotation, *get_args(field.annotation))
        )


def load(settings: type[S], environ: Mapping[str, str], env_file: Path | None = None) -> S:
    """Return the settings that ``environ`` and, where it is silent, ``env_file`` give.

    Empty is unset (decision 36). Raises ConfigurationError that names every bad variable and no value.
    """
    values = _gather(environ, env_file)
    faults = list(_near_misses(settings, values))
    values, unreadable = _with_secret_files(settings, values)
    faults += [*unreadable, *missing_partners(values, settings.names())]
    try:
        loaded = settings.model_validate(values)
    except ValidationError as error:
        known = {fault.where for fault in faults}
        faults += [fault for fault in _faults(error) if fault.where not in known]
    else:
        if not faults:
            return loaded
    raise ConfigurationError(faults)


def secret_files(settings: type[Settings], environ: Mapping[str, str], env_file: Path | None) -> dict[str, Path]:
    """Return the files that hold a secret, by the name of the setting that says so; for ``check``."""
    written = _read(env_file) if env_file is not None else {}
    values = _gather(environ, env_file)
    keys = {name.upper() for name in settings.model_fields if name.endswith("_key_file")}
    files = {
        name: Path(values[name])
        for name in sorted(keys | {f"{secret}_FILE" for secret in settings.secrets()})
        if name in values
    }
    if env_file is not None and settings.secrets() & written.keys():
        files["--env-file"] = env_file
    return files


def _gather(environ: Mapping[str, str], env_file: Path | None) -> dict[str, str]:
    values = _read(env_file) if env_file is not None else {}
    return values | {name: value for name, value in environ.items() if value}


def _read(env_file: Path) -> dict[str, str]:
    if not env_file.is_file():
        raise ConfigurationError([Fault("--env-file", f"{env_file} is not there")])
    try:
        lines = list(parse_stream(io.StringIO(env_file.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError([Fault("--env-file", f"{env_file} cannot be read as UTF-8 text")]) from None
    odd = [line.original.line for line in lines if line.error or (line.key and line.value is None)]
    if odd:
        rule = "is not NAME=value"
        raise ConfigurationError([Fault(f"{env_file} line {number}", rule) for number in odd])
    return {line.key: line.value for line in lines if line.key and line.value}


def _near_misses(settings: type[Settings], values: Mapping[str, str]) -> list[Fault]:
    names = settings.names()
    found = []
    for name in values.keys() - names:
        close = difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.87)
        if close:
            found.append(Fault(name, f"is not a setting; {close[0]} is"))
    return sorted(found, key=str)


def _with_secret_files(settings: type[Settings], values: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    resolved, faults = dict(values), []
    for name in sorted(settings.secrets()):
        path = resolved.pop(f"{name}_FILE", None)
        if path is None:
            continue
        if name in values:
            faults.append(Fault(name, f"is set, and so is {name}_FILE: choose one"))
            continue
        try:
            resolved[name] = Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            faults.append(Fault(f"{name}_FILE", f"names a file that cannot be read ({why})"))
            resolved[name] = "unread"
    return resolved, faults


def _faults(error: ValidationError) -> list[Fault]:
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        where = str(fault["loc"][0]).upper() if fault["loc"] else "settings"
        words = fault["msg"]
        # a rule begins with a small letter, unless it begins with a setting's name
        rule = (
            "is required"
            if fault["type"] == "missing"
            else words
            if words[:2].isupper()
            else words[0].lower() + words[1:]
        )
        faults.append(Fault(where, rule))
    return faults


class MeshSettings(Settings):
    """A mailbox on MESH: all that a client of it needs, by the API or by the folders of the MESH client."""

    mesh_transport: Annotated[Literal["api", "folder"], BeforeValidator(str.lower)] = "api"
    mesh_folder: AbsolutePath | None = None
    mesh_url: MeshUrl | None = None
    mesh_mailbox_id: Mailbox
    mesh_mailbox_password: SecretStr | None = None
    mesh_shared_key: SecretStr | None = None
    mesh_client_cert_file: ReadableFile | None = None
    mesh_client_key_file: ReadableFile | None = None
    mesh_ca_file: ReadableFile | None = None


class PracticeSettings(MeshSettings):
    """What both daemons need to know: this practice, its mailbox, where the state lies and how to log."""

    daemon: ClassVar[str]

    state_directory: AbsolutePath
    database_url: DatabaseUrl
    practice_ods_code: Ods
    mesh_poll_interval: Interval = timedelta(minutes=5)
    mesh_workflow_id: str = FEDERATED_WORKFLOW
    max_message_size: Size = ByteSize(20_000_000)
    retention: PeriodOf = Field(default=isodate.Duration(years=8), validate_default=True)
    heartbeat_interval: Interval = timedelta(minutes=5)
    alert_email_to: EmailAddresses = ()
    alert_email_from: EmailAddress | None = None
    alert_email_interval: Interval = timedelta(minutes=15)
    smtp_url: SmtpUrl | None = None
    smtp_password: SecretStr | None = None
    smtp_ca_file: ReadableFile | None = None
    metrics_address: LoopbackAddress | None = None
    web_listen: ListenAddress = Address("127.0.0.1", 8081)
    web_hosts: HostNames = ("localhost", "127.0.0.1", "[::1]")
    web_proxy: Networks = Field(default=(), validate_default=True)
    web_user_header: HeaderName | None = None
    web_session_idle: Interval = timedelta(minutes=20)
    web_session_length: Interval = timedelta(hours=12)
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(str.lower)] = "info"
    log_format: Annotated[Literal["json", "console"], BeforeValidator(str.lower)] = "json"

    @property
    def workflows(self) -> tuple[str, ...]:
        """The MESH workflows that are collected: this practice's own, and those of every payload."""
        return tuple(dict.fromkeys((self.mesh_workflow_id, *WORKFLOWS)))

    @model_validator(mode="before")
    @classmethod
    def _places(cls, values: dict[str, str]) -> dict[str, str]:
        """Decision 37: where the state lies when nothing says so."""
        home = values.get("XDG_STATE_HOME") or f"{values.get('HOME', '/var/lib')}/.local/state"
        # systemd gives several directories parted by colons; the first is ours
        state = values.get("STATE_DIRECTORY", f"{home}/{cls.daemon}").split(":")[0]
        database = f"sqlite:///{state}/{cls.daemon}.sqlite3"
        return {"DATABASE_URL": database} | values | {"STATE_DIRECTORY": state}

    @field_validator("web_proxy")
    @classmethod
    def _ends_tls(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        listen = info.data.get("web_listen")
        if listen is not None and not is_loopback(listen.host) and not value:
            rule = "is required: WEB_LISTEN is no loopback address, so a reverse proxy must end TLS before it"
            raise PydanticCustomError("proxy", rule)
        return value

    @field_validator("web_user_header")
    @classmethod
    def _comes_from_a_proxy(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not info.data.get("web_proxy"):
            raise PydanticCustomError("proxy", "is believed from a reverse proxy alone: WEB_PROXY must name it")
        return value


def make_state_directory(directory: Path) -> None:
    """Make the state directory, for this user alone, unless it is there; raises ConfigurationError."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        rule = f"cannot be made ({error.strerror}): name a directory that this user can write"
        raise ConfigurationError([Fault("STATE_DIRECTORY", rule)]) from None
