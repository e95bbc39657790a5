"""The token."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

from shared.identifiers import MailboxId
from shared.mesh.account import MeshAccount
from shared.mesh.auth import Signer, authorization
from tests.fakes.clock import MovableClock

ACCOUNT = MeshAccount("https://mesh.example", MailboxId("X26ABC1"), "password", "TestKey")


def test_the_token_is_signed_with_the_shared_key_over_mailbox_nonce_count_password_and_minute() -> None:
    token = authorization(
        "X26ABC1",
        "password",
        "TestKey",
        nonce="bd0e2bd5-218e-41d0-83a9-73fdec414803",
        count=1,
        at=datetime(2026, 11, 20, 18, 5, 59, tzinfo=UTC),
    )

    # openssl dgst -sha256 -hmac TestKey
    signature = "bbc862e134f1f1b1a562a7e6a99b74966d2a69cba7dc80c2c3730c580c764bb2"
    assert token == f"NHSMESH X26ABC1:bd0e2bd5-218e-41d0-83a9-73fdec414803:1:202611201805:{signature}"


def test_the_time_of_the_token_is_utc() -> None:
    summer = datetime(2026, 7, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    assert ":202606302330:" in authorization("X26ABC1", "p", "k", nonce="n", count=0, at=summer)


def test_each_attempt_is_signed_for_its_own_minute_with_a_nonce_of_its_own() -> None:
    clock = MovableClock()
    signer = Signer(ACCOUNT, clock)

    tokens = []
    for _ in range(2):
        tokens.append(signer.headers(signed=True)["Authorization"])
        clock.move(timedelta(minutes=1))

    stated = [re.fullmatch(r"NHSMESH X26ABC1:([0-9a-f-]{36}):0:([0-9]{12}):[0-9a-f]{64}", token) for token in tokens]
    assert [match and match[2] for match in stated] == ["202611201800", "202611201801"]
    assert len({match[1] for match in stated if match}) == 2


def test_threads_never_share_a_token() -> None:
    signer = Signer(ACCOUNT, MovableClock())

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: signer.headers(signed=True)["Authorization"], range(800)))

    assert len(set(tokens)) == 800


def test_what_mesh_wants_unsigned_has_no_token() -> None:
    assert Signer(ACCOUNT, MovableClock()).headers(signed=False) == {}
