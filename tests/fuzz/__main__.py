"""``make fuzz``: mutated messages, answers of MESH and outbox rows, thousands of them; each must end as it should.

The same seed gives the same cases, and ``--replay KIND:NUMBER`` the one batch with a case that went wrong.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from federated_sender.pdf import PdfRenderer
from shared import large_blocks
from tests.fuzz import receiving, rows
from tests.fuzz.answers import answers, written
from tests.fuzz.findings import Findings
from tests.fuzz.letters import letter

SEED = 20_261_122
_FEW = 3_000
"""With fewer cases than these not every rule can be hit."""


def messages(seed: int, numbers: range, findings: Findings) -> None:
    """Send the messages of these numbers through a receiver."""
    with directory() as place:
        receiving.Batch(place, numbers, partial(letter, seed)).run(findings)


def outbox_rows(seed: int, numbers: range, findings: Findings) -> None:
    """Let a sender find the rows of these numbers in its outbox."""
    with directory() as place, PdfRenderer() as renderer:
        rows.Batch(place, renderer, {number: rows.row(seed, number) for number in numbers}).run(findings)


@contextmanager
def directory() -> Iterator[Path]:
    """Give a directory, in memory where there is such a thing: thousands of commits need not wait for a disk."""
    in_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=in_memory if in_memory.is_dir() else None) as name:
        yield Path(name)


@dataclass(frozen=True)
class Kind:
    """What runs a batch, how many of all cases are of this kind, how many make a batch, and one case as a file."""

    run: Callable[[int, range, Findings], None]
    share: float
    batch: int
    written: Callable[[int, int], bytes]


KINDS: Mapping[str, Kind] = {
    "message": Kind(messages, 0.25, 250, lambda seed, number: letter(seed, number).body),
    "answer": Kind(answers, 0.55, 550, lambda seed, number: written(seed, number).encode()),
    "row": Kind(outbox_rows, 0.20, 300, lambda seed, number: rows.row(seed, number).as_json().encode()),
}


def fuzz(seed: int, wanted: Mapping[str, range], findings: Findings) -> None:
    """Run the cases of these numbers of each kind."""
    for name, numbers in wanted.items():
        kind = KINDS[name]
        for start in range(numbers.start, numbers.stop, kind.batch):
            batch = range(start, min(start + kind.batch, numbers.stop))
            kind.run(seed, batch, findings)
            # the large form takes an hour: whoever waits sees how far it is
            sys.stderr.write(f"{name} {batch.stop} of {numbers.stop}, {len(findings.faults)} faults\n")


def shares(cases: int, only: str | None) -> dict[str, range]:
    """Return how so many cases are shared out among the kinds."""
    if only is not None:
        return {only: range(cases)}
    return {name: range(round(cases * kind.share)) for name, kind in KINDS.items()}


def replayed(case: str) -> dict[str, range]:
    """Return the batch that holds a case, named as in ``message:1149``."""
    kind, _, number = case.partition(":")
    size = KINDS[kind].batch
    start = int(number) // size * size
    return {kind: range(start, start + size)}


def save(seed: int, findings: Findings, place: Path) -> None:
    """Write down every case that went wrong, ready to become a regression case."""
    for kind, number in {(fault.kind, fault.number) for fault in findings.faults if fault.number is not None}:
        suffix = "xml" if kind == "message" else "json"
        (place / f"{kind}-{seed}-{number}.{suffix}").write_bytes(KINDS[kind].written(seed, number))


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=KINDS, help="one kind of case alone")
    parser.add_argument("--replay", metavar="KIND:NUMBER", help="the batch with this case alone")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write each case that goes wrong into this directory")
    parser.add_argument("--timed", action="store_true", help="a case that takes too long is a failure")
    arguments = parser.parse_args()
    wanted = replayed(arguments.replay) if arguments.replay else shares(arguments.cases, arguments.only)
    # as the daemons do
    large_blocks.give_back()
    gc.freeze()
    begun = time.monotonic()
    findings = Findings()
    try:
        fuzz(arguments.seed, wanted, findings)
    except KeyboardInterrupt:
        findings.blame("run", None, "interrupted; what was found until then:")
    if arguments.save:
        save(arguments.seed, findings, arguments.save)
    lines = [f"seed: {arguments.seed}", *findings.lines(), f"seconds: {time.monotonic() - begun:.0f}"]
    everything = not (arguments.only or arguments.replay) and arguments.cases >= _FEW
    missed = findings.shortcomings(timed=arguments.timed) if everything else []
    lines += [f"failed: {words}" for words in missed]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if missed or findings.faults else 0


if __name__ == "__main__":
    sys.exit(main())
