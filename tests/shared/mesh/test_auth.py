"""The token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from shared.mesh.auth import authorization


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
