"""Mutations of JSON: messages, answers of MESH, columns of the outbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any

from tests.fuzz import values
from tests.fuzz.specimens import CANARY

Place = tuple[Any, Any]
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 10**30, 1.5, [], {}, [[]], [None], {"": None}, {CANARY: CANARY}, "", [CANARY]),
    *("\ud800", "a\x00b"),
)


def places(content: Any) -> list[Place]:
    """Return every (container, key) within ``content``."""
    found: list[Place] = []
    waiting = [content]
    while waiting:
        container = waiting.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], dict | list):
                waiting.append(container[key])
    return found


def _delete(rng: Random, place: Place, others: list[Place]) -> None:
    container, key = place
    del container[key]


def _retype(rng: Random, place: Place, others: list[Place]) -> None:
    container, key = place
    container[key] = deepcopy(rng.choice(_ODD))


def _odd(rng: Random, place: Place, others: list[Place]) -> None:
    container, key = place
    container[key] = values.odd(rng)


def _swap(rng: Random, place: Place, others: list[Place]) -> None:
    container, key = place
    there, other = rng.choice(others)
    # copies: a thing within itself is no JSON
    container[key], there[other] = deepcopy(there[other]), deepcopy(container[key])


def _wrap(rng: Random, place: Place, others: list[Place]) -> None:
    container, key = place
    # deeper than any reader takes, and not so deep that it cannot be copied here
    for _ in range(rng.choice((1, 1, 2, 30, 80, 150))):
        container[key] = rng.choice(([container[key]], {"extension": container[key]}))


def _rename(rng: Random, place: Place, others: list[Place]) -> None:
    container, key = place
    if isinstance(container, dict):
        container[rng.choice((CANARY, f"_{key}", "resourceType", "", f"{key} "))] = container.pop(key)


def _repeat(rng: Random, place: Place, others: list[Place]) -> None:
    container, key = place
    if isinstance(container, list):
        container.extend(deepcopy(container[key]) for _ in range(rng.choice((1, 2, 50))))
    else:
        container[key] = [deepcopy(container[key]) for _ in range(2)]


_MUTATIONS: tuple[Callable[[Random, Place, list[Place]], None], ...] = (
    *(_delete, _retype, _odd, _swap, _wrap, _rename, _repeat),
)


def mutate(rng: Random, content: Any, times: int) -> None:
    """Mutate what stands within ``content`` so many times."""
    for _ in range(times):
        found = places(content)
        if not found:
            return
        with suppress(RecursionError):  # wrapped again and again: nobody can copy it any more
            rng.choice(_MUTATIONS)(rng, rng.choice(found), found)


def written(rng: Random, content: Any) -> bytes:
    """Return ``content`` as text, in one of the ways in which JSON may be, or should not be, written."""
    try:
        text = json.dumps(content, ensure_ascii=rng.random() < 0.3, indent=rng.choice((None, None, 2)))
    except RecursionError:
        return b"[" * 5_000
    if rng.random() < 0.05:
        text = text.replace('":', f'": "{CANARY}", "{CANARY}":', 1)  # a key twice, as far as anybody can tell
    encoding = rng.choices(("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be", "latin-1"), (20, 2, 1, 1, 1, 1))[0]
    return text.encode(encoding, "backslashreplace" if encoding == "latin-1" else "surrogatepass")
