from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from shared.web import passwords


@pytest.mark.parametrize(
    "password", ["short", "elevenchars", "x" * 201, "aaaaaaaaaaaaaaaa", "abababababab", "Jane-Jane-2026!"]
)
def test_a_password_that_is_short_monotonous_or_holds_the_name_is_refused_without_being_repeated(password: str) -> None:
    fault = passwords.fault(password, "jane") or ""

    assert fault.startswith("must")
    assert password not in fault


def test_three_random_words_are_a_password() -> None:
    assert passwords.fault("coffee tulip anchor", "jane") is None


def test_a_password_is_kept_as_argon2id_with_its_own_salt_and_the_parameters_of_rfc_9106(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher())

    one, other = passwords.hashed("coffee tulip anchor"), passwords.hashed("coffee tulip anchor")

    assert one != other
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.agrees(one, "coffee tulip anchor")
    assert not passwords.agrees(one, "coffee tulip anchors")


@pytest.mark.parametrize("kept", [None, "", "not a hash"])
def test_without_a_hash_no_password_fits(kept: str | None) -> None:
    assert not passwords.agrees(kept, "the password of nobody")
