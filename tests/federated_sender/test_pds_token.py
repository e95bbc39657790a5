"""The signed JWT and its key."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from federated_sender.pds_token import Application, read_private_key
from tests.fakes.pds_server import make_key, pem

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
TOKEN_URL = "https://pds.example/oauth2/token"
JTI = UUID("0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e01")


def test_the_jwt_says_who_asks_whom_once_and_for_less_than_five_minutes(signing_key: RSAPrivateKey) -> None:
    assertion = Application("an-api-key", "key-1", signing_key).assertion(TOKEN_URL, JTI, NOW)

    claims = jwt.decode(
        assertion, signing_key.public_key(), algorithms=["RS512"], audience=TOKEN_URL, options={"verify_exp": False}
    )
    assert jwt.get_unverified_header(assertion) == {"alg": "RS512", "typ": "JWT", "kid": "key-1"}
    assert claims == {
        "iss": "an-api-key",
        "sub": "an-api-key",
        "aud": TOKEN_URL,
        "jti": str(JTI),
        "exp": int(NOW.timestamp()) + 240,
    }


def test_an_application_shows_neither_api_key_nor_private_key(signing_key: RSAPrivateKey) -> None:
    assert repr(Application("an-api-key", "key-1", signing_key)) == "Application(key_id='key-1')"


def test_a_key_is_read_back(signing_key: RSAPrivateKey) -> None:
    assert read_private_key(pem(signing_key)).private_numbers() == signing_key.private_numbers()


def test_a_key_that_cannot_sign_for_pds_is_refused_with_the_reason(signing_key: RSAPrivateKey) -> None:
    secret = signing_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    public = signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    faults = {
        b"": "must hold a private key in PEM form",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n": "must hold a private key in PEM form",
        public: "must hold a private key in PEM form",
        secret: "must hold a key without a password",
        pem(elliptic_key(SECP256R1())): "must hold an RSA key",
        pem(make_key(1024)): "must hold an RSA key of at least 2048 bits",
    }

    for content, rule in faults.items():
        with pytest.raises(ValueError, match="must hold") as caught:
            read_private_key(content)
        assert str(caught.value) == rule
