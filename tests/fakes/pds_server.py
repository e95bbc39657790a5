"""A PDS on loopback, over real HTTP: the token service that verifies the signed JWT, and the Patient resource."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

API_KEY, KEY_ID = "an-api-key", "key-1"
TOKEN_PATH, PDS_PATH = "/oauth2/token", "/personal-demographics/FHIR/R4"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"


def make_key(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


def pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def practice(ods_code: str, start: str | None = "2020-02-01", end: str | None = None) -> dict[str, Any]:
    period = {name: value for name, value in (("start", start), ("end", end)) if value}
    return {"type": "Organization", "identifier": {"system": ODS, "value": ods_code, "period": period}}


def patient(nhs_number: str = "9690937278", *practices: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the resource of Richard Smith of Birch Surgery; a change to None takes a key away."""
    resource = {
        "resourceType": "Patient",
        "id": nhs_number,
        "meta": {"versionId": "4", "security": [{"code": "U", "display": "unrestricted"}]},
        "name": [{"use": "usual", "family": "Smith", "given": ["Richard"], "period": {"start": "1957-01-09"}}],
        "gender": "male",
        "birthDate": "1957-01-09",
        "generalPractitioner": list(practices) or [practice("B82002")],
        **changes,
    }
    return {name: value for name, value in resource.items() if value is not None}


def outcome(code: str) -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "value", "details": {"coding": [{"code": code}]}}],
    }


@dataclass(frozen=True)
class Reply:
    """What the server says instead of the truth. ``cut`` leaves out the end of the body; status 0 hangs up."""

    status: int
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    at: datetime


@dataclass
class PdsServer:
    """What the server knows, what it is told to say (once each, in order), and what it was asked."""

    url: str
    clock: Callable[[], datetime]
    key: RSAPrivateKey
    records: dict[str, dict[str, Any]] = field(default_factory=lambda: {"9690937278": patient()})
    token_seconds: Any = "599"
    replies: list[Reply] = field(default_factory=list)
    token_replies: list[Reply] = field(default_factory=list)
    always: Reply | None = None
    asked: list[Asked] = field(default_factory=list)
    tokens: dict[str, datetime] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pds_url(self) -> str:
        return self.url + PDS_PATH

    @property
    def token_url(self) -> str:
        return self.url + TOKEN_PATH

    def withdraw_tokens(self) -> None:
        self.tokens.clear()

    def token(self, form: dict[str, list[str]]) -> Reply:
        """Give a token for a JWT that PDS would take."""
        with self._lock:
            if self.token_replies:
                return self.token_replies.pop(0)
            try:
                self._verify(form)
            except (AssertionError, jwt.InvalidTokenError, KeyError, ValueError) as error:
                self.faults.append(f"{type(error).__name__}: {error}")
                return Reply(401, {"error": "invalid_client", "error_description": "an-api-key is not known"})
            token = f"token-{len(self.tokens) + len(self._seen)}"
            self.tokens[token] = self.clock() + timedelta(seconds=int(self.token_seconds))
            body = {"access_token": token, "expires_in": self.token_seconds, "token_type": "Bearer"}
            return Reply(200, body)

    def _verify(self, form: dict[str, list[str]]) -> None:
        assert form["grant_type"] == ["client_credentials"]
        assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
        (assertion,) = form["client_assertion"]
        header = jwt.get_unverified_header(assertion)
        assert header == {"alg": "RS512", "typ": "JWT", "kid": KEY_ID}, header
        claims = jwt.decode(
            assertion,
            self.key.public_key(),
            algorithms=["RS512"],
            audience=self.token_url,
            # by the clock of the test
            options={"verify_exp": False, "require": ["iss", "sub", "aud", "jti", "exp"]},
        )
        assert claims["iss"] == claims["sub"] == API_KEY
        assert set(claims) == {"iss", "sub", "aud", "jti", "exp"}
        assert 0 < claims["exp"] - self.clock().timestamp() <= 300
        self._new(claims["jti"])

    def record(self, path: str, headers: dict[str, str]) -> Reply:
        """Answer a GET below ``PDS_PATH``."""
        with self._lock:
            self.asked.append(Asked(path, headers, self.clock()))
            try:
                self._new(headers["x-request-id"])
                UUID(headers["x-correlation-id"])
                assert headers["accept"] == "application/fhir+json"
                assert path.startswith(f"{PDS_PATH}/Patient/")
            except (AssertionError, KeyError, ValueError) as error:
                self.faults.append(f"{type(error).__name__}: {error}")
                return Reply(400, outcome("INVALID_VALUE"))
            if self.replies:
                return self.replies.pop(0)
            if self.always is not None:
                return self.always
            until = self.tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
            if until is None or until <= self.clock():
                return Reply(401, outcome("ACCESS_DENIED"))
            number = path.rpartition("/")[2]
            if number == "9000000000":
                return Reply(400, outcome("INVALID_RESOURCE_ID"))
            if number not in self.records:
                return Reply(404, outcome("RESOURCE_NOT_FOUND"))
            return Reply(200, self.records[number])

    def _new(self, identifier: str) -> None:
        assert str(UUID(identifier)) == identifier
        assert identifier not in self._seen, "seen before"
        self._seen.add(identifier)


def _handler(server: PdsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.path == TOKEN_PATH
            self._say(server.token(parse_qs(body.decode())) if known else Reply(404))

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._say(server.record(self.path, headers))

        def _say(self, reply: Reply) -> None:
            if reply.status == 0:
                return
            data = reply.data()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if reply.cut else data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    return Handler


@contextmanager
def running_pds(clock: Callable[[], datetime], key: RSAPrivateKey) -> Iterator[PdsServer]:
    """Run a PDS that knows ``key``'s public half, until the end of the ``with``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as http:
        server = PdsServer(f"http://127.0.0.1:{http.server_port}", clock, key)
        http.RequestHandlerClass = _handler(server)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join(10)
