"""Every case that once went wrong, in ``regressions/``: ``message-*`` are bodies, ``answer-*`` and ``row-*`` JSON."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from federated_sender.pdf import PdfRenderer
from shared.errors import MeshProtocolError
from shared.itk3.parse import read
from shared.mesh.body import read_body
from tests.fakes.memory import Peak
from tests.fuzz import octets, receiving, rows
from tests.fuzz.__main__ import KINDS, SEED
from tests.fuzz.answers import Answer, Listening
from tests.fuzz.findings import Findings
from tests.fuzz.letters import Letter
from tests.fuzz.rows import Row

FILES = sorted(Path(__file__).with_name("regressions").iterdir())


def message(content: bytes, place: Path) -> list[str]:
    findings = Findings()
    receiving.Batch(place, [0], lambda _: Letter("regression", content)).run(findings)
    return [*map(str, findings.faults)]


def answer(content: bytes, place: Path) -> list[str]:
    heard = Answer.from_json(content.decode())
    _, wrong = Listening().hear(heard.call, lambda _: heard)
    return [wrong] if wrong else []


def row(content: bytes, place: Path) -> list[str]:
    findings = Findings()
    with PdfRenderer() as renderer:
        rows.Batch(place, renderer, {0: Row.from_json(content.decode())}).run(findings)
    return [*map(str, findings.faults)]


REPLAY: Mapping[str, Callable[[bytes, Path], list[str]]] = {"message": message, "answer": answer, "row": row}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_went_wrong_once_ends_as_it_should(file: Path, tmp_path: Path) -> None:
    kind = file.name.partition("-")[0]

    assert REPLAY[kind](file.read_bytes(), tmp_path) == []


@pytest.mark.parametrize("kind", REPLAY)
def test_a_case_that_was_written_down_can_be_replayed(kind: str, tmp_path: Path) -> None:
    content = KINDS[kind].written(SEED, 1_000)

    assert REPLAY[kind](content, tmp_path) == []


def test_a_million_attributes_are_refused_before_they_are_built() -> None:
    body = octets.attributes(1_200_000)

    with Peak() as peak:
        reading = read(body, 20_000_000)

    assert str(reading.fault) == "message: has more than 200000 attributes"
    assert peak.size < 10_000_000


def test_gzips_of_nothing_come_to_an_end() -> None:
    nothing = gzip.compress(b"") * 100_001

    with pytest.raises(MeshProtocolError, match="too many parts"):
        read_body([nothing], "gzip", 20_000_000)
