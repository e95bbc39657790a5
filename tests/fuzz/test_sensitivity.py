"""The test of the test: a product that is broken on purpose does not get through the fuzz."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from federated_sender.pdf import PdfRenderer
from registered_receiver import ledger, process, reply
from shared.mesh import answers
from tests.fuzz import receiving, rows
from tests.fuzz.__main__ import SEED
from tests.fuzz.answers import answers as hear_answers
from tests.fuzz.findings import Findings
from tests.fuzz.letters import letter
from tests.fuzz.rows import Row

# beyond the first ones, which are all refused
MESSAGES = range(1_000, 1_030)
TELLING = 2


def some_of_each() -> list[int]:
    """Return messages of many kinds, some that know the consultation by something about the patient among them."""
    telling = (number for number in range(1_030, 2_000) if letter(SEED, number).name == "reference")
    return [*MESSAGES, *islice(telling, TELLING)]


def raises(real: Callable[..., Any]) -> Callable[..., Any]:
    def broken(*arguments: Any) -> Any:
        if arguments[0].message_id and arguments[0].message_id < "4":
            raise KeyError(arguments[0].message_id)
        return real(*arguments)

    return broken


def twice(real: Callable[..., Any]) -> Callable[..., Any]:
    def broken(*arguments: Any, **more: Any) -> Any:
        real(*arguments, **more)
        return real(*arguments, **more)

    return broken


def refuses_all(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda reading, context: real(reading, type(context)("Z99999"))


BROKEN: dict[str, tuple[Any, str, Callable[[Any], Any], str]] = {
    "judging raises": (process, "validate", raises, "logged"),
    "each response goes out twice": (reply, "deliver", twice, "responses are"),
    "whatever stands for an id is logged": (ledger, "if_uuid", lambda _: lambda chosen: chosen, "in a line"),
    "another practice's rules are asked": (process, "validate", refuses_all, "instead of"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_receiver_that_is_broken_is_found_out(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, broken, words = BROKEN[name]
    monkeypatch.setattr(module, function, broken(getattr(module, function)))
    findings = Findings()

    receiving.Batch(tmp_path, some_of_each(), partial(letter, SEED)).run(findings)

    assert [fault for fault in findings.faults if words in fault.words]


def test_a_client_that_lets_another_error_out_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "first_text", lambda words, *names: words[names[0]])
    findings = Findings()

    hear_answers(SEED, range(100), findings)

    assert [fault for fault in findings.faults if "came out" in fault.words]


def test_a_sender_that_stumbles_over_a_row_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows.outbox, "as_written", lambda row: row.patient_family.upper())
    findings = Findings()
    plain = rows.row(SEED, 0)

    with PdfRenderer() as renderer:
        nobody = Row({**plain.outbox, "patient_family": None}, ())
        rows.Batch(tmp_path, renderer, {0: nobody}).run(findings)

    assert [fault for fault in findings.faults if "no reason of its own" in fault.words]
