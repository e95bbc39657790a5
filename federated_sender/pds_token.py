"""The signed JWT by which PDS knows this application, and the private key that signs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

if TYPE_CHECKING:
    from uuid import UUID

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# PDS takes no more than five minutes; a minute less, for clocks that differ
_LASTS: Final = timedelta(minutes=4)
_LEAST_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class Application:
    """How PDS knows this application: its API key, the id of its public key there, and the private key."""

    api_key: str = field(repr=False)
    key_id: str
    private_key: RSAPrivateKey = field(repr=False)

    def assertion(self, token_url: str, jti: UUID, now: datetime) -> str:
        """Return the JWT that asks ``token_url`` for an access token; ``jti`` may never be used twice."""
        claims = {
            "iss": self.api_key,
            "sub": self.api_key,
            "aud": token_url,
            "jti": str(jti),
            "exp": int((now + _LASTS).timestamp()),
        }
        return jwt.encode(claims, self.private_key, algorithm="RS512", headers={"typ": "JWT", "kid": self.key_id})


def read_private_key(pem: bytes) -> RSAPrivateKey:
    """Return the key that ``pem`` holds; raise ValueError, which says what is wrong and quotes nothing of it."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("must hold a key without a password") from None
    except Exception:  # noqa: BLE001 - the library has several errors for bytes that are no key it can read
        raise ValueError("must hold a private key in PEM form") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("must hold an RSA key")  # noqa: TRY004 - the file is wrong, not the caller
    if key.key_size < _LEAST_BITS:
        raise ValueError(f"must hold an RSA key of at least {_LEAST_BITS} bits")
    return key
