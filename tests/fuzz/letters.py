"""One message of the fuzz from its number: the same number and seed give the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

from lxml import etree

from tests.conformance import mutations
from tests.fuzz import json_trees, octets, values, xml_trees
from tests.fuzz.specimens import (
    BORN,
    CANARY,
    FAMILY,
    FIRST_DOCUMENT,
    REGISTERED,
    Specimen,
    document,
    renamed,
    specimens,
)
from tests.shared.itk3 import breakages
from tests.shared.itk3.examples import Draft

_OF_TASKS = {name for name, _, _ in breakages.ALL}
_OF_DOCUMENTS = [(name, spoil) for name, _, spoil in breakages.DOCUMENT if name not in _OF_TASKS]
_RULES = [*((name, spoil) for name, _, spoil in breakages.ALL), *_OF_DOCUMENTS]
# the rows that are about what came before, and about size
_GOOD = len(_RULES)
_SAME_MESSAGE, _SAME_DOCUMENT, _TOO_LARGE, _EMPTY = _GOOD + 1, _GOOD + 2, _GOOD + 3, _GOOD + 4
_ENUMERATED = _EMPTY + 1
"""So many of the first messages each break one row of the table of rules, so that every row decides once."""
# how far back a message looks for one whose ids it repeats
_BACK = 20


@dataclass(frozen=True)
class Letter:
    """A message as it lies in MESH. ``zipped`` are the bytes that travel instead of ``body``, if they are a bomb."""

    name: str
    body: bytes = field(repr=False)
    subject: str = field(default="", repr=False)
    addressed_to: str = field(default="", repr=False)
    zipped: bytes | None = field(default=None, repr=False)


def letter(seed: int, number: int) -> Letter:
    """Return message ``number`` of the run ``seed``."""
    rng = Random(f"{seed}:message:{number}")
    good = _named(seed, number, rng)
    subject, to = _addressed(rng, good.subject)
    if number < _GOOD:
        name, spoil = _RULES[number]
        return Letter(f"rule {name}", _spoiled(good.xml, spoil), subject, to)
    if number < _ENUMERATED:
        body = {_TOO_LARGE: bytes(20_000_001), _EMPTY: b" \n"}.get(number, good.xml)
        return Letter("rule", body, subject, to)
    kind = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
    name, body, zipped = kind(rng, good)
    return Letter(name, body, subject, to, zipped)


def _named(seed: int, number: int, rng: Random) -> Specimen:
    """Return a good message whose ids are its own, or in part those of an earlier one."""
    # the first ones need both documents, and ids that nobody used
    about_documents = _GOOD - len(_OF_DOCUMENTS) <= number < _GOOD
    source = rng.randrange(len(specimens())) if number >= _ENUMERATED else FIRST_DOCUMENT if about_documents else 0
    parts = header = chain = number
    repeats = rng.random() if number >= _ENUMERATED else 1.0
    earlier = max(0, number - rng.randint(1, _BACK))
    if number in (_SAME_MESSAGE, _SAME_DOCUMENT):
        chain = parts = _GOOD
        header = _GOOD if number == _SAME_MESSAGE else number
    elif repeats < 0.10:
        chain = earlier  # another version, or another report, of the same consultation
    elif repeats < 0.13:
        chain = parts = earlier
    elif repeats < 0.16:
        chain = parts = header = earlier
    return renamed(
        specimens()[source],
        Random(f"{seed}:parts:{parts}"),
        Random(f"{seed}:header:{header}"),
        Random(f"{seed}:chain:{chain}"),
    )


def _addressed(rng: Random, subject: str) -> tuple[str, str]:
    """Return subject and Mex-To, now and then odd ones, as far as a header can carry them."""
    kind = rng.random()
    if kind < 0.1:
        subject = "".join(each for each in values.odd(rng) if each.isascii() and each.isprintable())[:500].strip()
    elif kind < 0.2:
        subject = octets.mutate(rng, subject.encode(), 3).decode("ascii", "ignore")
        subject = "".join(each for each in subject if each.isprintable()).strip()
    to = rng.choice((f"GPPROVIDER_9690937278_19310723_{CANARY}", f"GPPROVIDER_{CANARY}", "GPPROVIDER__1_", ""))
    return subject, to if rng.random() < 0.2 else ""


def _spoiled(body: bytes, spoil: Callable[[Draft], None]) -> bytes:
    draft = Draft(body)
    # this kind of message may have nothing of the sort: then it goes as it is
    with suppress(IndexError, ValueError):
        spoil(draft)
    return draft.body


Made = tuple[str, bytes, bytes | None]


def _as_it_is(rng: Random, good: Specimen) -> Made:
    return "good", good.xml, None


def _breaks_a_rule(rng: Random, good: Specimen) -> Made:
    name, spoil = rng.choice(_RULES)
    root = etree.fromstring(_spoiled(good.xml, spoil))
    xml_trees.mutate(rng, root, rng.choice((0, 0, 1)))
    return f"rule {name}", etree.tostring(root, encoding="UTF-8"), None


@cache
def _requirements() -> list[mutations.Mutation]:
    """Return the conformance mutations that change the message itself, not the headers or the printed text."""
    found = []
    for mutation in mutations.REPORT_MUTATIONS:
        sent: Any = SimpleNamespace(draft=Draft(specimens()[0].xml), headers={}, html="")
        sent.values = lambda xpath, draft=sent.draft: [each.get("value") for each in draft.find(xpath)]
        before = sent.draft.body
        try:
            mutation.spoil(sent)
        except (AssertionError, ValueError):
            continue
        if sent.draft.body != before:
            found.append(mutation)
    return found


def _breaks_a_requirement(rng: Random, good: Specimen) -> Made:
    mutation = rng.choice(_requirements())

    def spoil(draft: Draft) -> None:
        found = lambda xpath: [each.get("value") for each in draft.find(xpath)]  # noqa: E731
        mutation.spoil(SimpleNamespace(draft=draft, headers={}, html="", values=found))  # type: ignore[arg-type]

    return f"requirement {mutation.requirement}", _spoiled(good.xml, spoil), None


def _telling_reference(rng: Random, good: Specimen) -> Made:
    """Let the consultation be known by something about the patient; several reports are of the same one."""
    root = etree.fromstring(good.xml)
    reference = root.xpath("//f:extension[@url='SenderReference']/f:valueString", namespaces={"f": xml_trees.FHIR})
    reference[0].set("value", rng.choice((CANARY, f"{FAMILY} {REGISTERED}", BORN.isoformat())))
    return "reference", etree.tostring(root), None


def _tree(rng: Random, good: Specimen) -> Made:
    root = etree.fromstring(good.xml)
    done = xml_trees.mutate(rng, root, rng.choice((1, 1, 1, 2, 3, 8)))
    return f"tree {done[0]}", etree.tostring(root, encoding=rng.choice(("UTF-8", "UTF-8", "UTF-16", "US-ASCII"))), None


def _json(rng: Random, good: Specimen) -> Made:
    content = document(good)
    json_trees.mutate(rng, content, rng.choice((0, 1, 1, 2, 5)))
    return "JSON", json_trees.written(rng, content), None


def _encoded(rng: Random, good: Specimen) -> Made:
    return "encoding", octets.encode(rng, good.xml), None


def _bytes(rng: Random, good: Specimen) -> Made:
    body = rng.choice((good.xml, good.xml, good.as_json))
    return "bytes", octets.mutate(rng, body, rng.choice((1, 1, 2, 4, 10, 40))), None


def _no_message(rng: Random, good: Specimen) -> Made:
    return "no message", rng.choice(octets.SMALL)(rng), None


def _large(rng: Random, good: Specimen) -> Made:
    return "large", rng.choice(octets.LARGE)(rng), None


def _gzip_bomb(rng: Random, good: Specimen) -> Made:
    return "gzip bomb", b"", rng.choice(octets.zipped_bombs())


_KINDS: dict[Callable[[Random, Specimen], Made], float] = {
    _as_it_is: 5, _breaks_a_rule: 14, _breaks_a_requirement: 8, _tree: 34, _telling_reference: 2, _json: 14,
    _encoded: 5, _bytes: 14, _no_message: 3, _large: 0.5, _gzip_bomb: 0.5,
}  # fmt: skip
