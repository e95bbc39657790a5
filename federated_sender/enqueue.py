"""``enqueue``: consultations from JSON files into the outbox, all of a call or none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from federated_sender import outbox
from federated_sender.attachments import beside
from federated_sender.drafts import Outcome
from federated_sender.intake import Intake
from federated_sender.outbox import Judged
from shared.errors import Fault, InvalidConsultation


def enqueue(files: Sequence[Path], intake: Intake, by: str) -> list[tuple[str, Outcome]]:
    """Put the consultations of ``files`` into the outbox; return each id with what it meant.

    Raises InvalidConsultation with every fault of every file, named by file and path; nothing is stored then.
    """
    now = intake.clock()
    judged: list[tuple[str, Judged]] = []
    faults: list[Fault] = []
    for file in files:
        for at, content, written in _contents(file, faults):
            try:
                judged.append((at, _judge(intake, content, written, file, now, at)))
            except InvalidConsultation as error:
                faults += error.faults
    faults += _repeated(judged)
    if faults:
        raise InvalidConsultation(faults)
    outcomes = {str(item.consultation.consultation_id): Outcome.UNCHANGED for _, item in judged}
    with intake.database.transaction() as session:
        # in one order, so that two calls never wait for each other
        for at, item in sorted(judged, key=lambda pair: str(pair[1].consultation.consultation_id)):
            outcome = _put(session, intake, item, now, by)
            if outcome in (Outcome.OLDER, Outcome.DELETED):
                where, _, rule = outcome.value.partition(": ")
                faults.append(Fault(at + where, rule))
            outcomes[str(item.consultation.consultation_id)] = outcome
        if faults:
            raise InvalidConsultation(faults)
    return list(outcomes.items())


def _judge(intake: Intake, content: dict[str, Any], written: str, file: Path, now: datetime, at: str) -> Judged:
    read, required = beside(file.parent), intake.practice_required
    return outbox.judge(content, read, now, written=written, digest_required=False, practice_required=required, at=at)


def _put(session: Session, intake: Intake, item: Judged, now: datetime, by: str) -> Outcome:
    # its row first, as intake does: two processes must not wait for each other
    row = outbox.find(session, str(item.consultation.consultation_id))
    outcome = Outcome.DELETED if row is not None and row.deleted else intake.take(session, item, now, by)
    if outcome in (Outcome.NEW, Outcome.UPDATED):
        # what was just taken into account is not pending any more
        outbox.settle(session, outbox.write_row(session, item).consultation_id)
    return outcome


_BETWEEN = re.compile(r"[\s,]*")


class _KeyTwice(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of JSON; which of two values of one key was meant, nobody can say."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _KeyTwice
    return content


def _repeated(judged: Sequence[tuple[str, Judged]]) -> list[Fault]:
    """Return a fault for each consultation that an earlier one of the same call is, too."""
    seen: set[object] = set()
    faults = []
    for at, item in judged:
        identifier = item.consultation.consultation_id
        if identifier in seen:
            faults.append(Fault(at + "consultation_id", "stands twice in this call"))
        seen.add(identifier)
    return faults


def _contents(file: Path, faults: list[Fault]) -> list[tuple[str, dict[str, Any], str]]:
    """Return the objects of one file, each with the prefix of its paths and its text; faults go into ``faults``."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=_object)
    except OSError:
        faults.append(Fault(str(file), "cannot be read"))
        return []
    except UnicodeDecodeError:
        faults.append(Fault(str(file), "is not JSON in UTF-8"))
        return []
    except RecursionError:
        faults.append(Fault(str(file), "is not JSON that can be read: it is nested too deeply"))
        return []
    except json.JSONDecodeError as error:
        faults.append(Fault(f"{file}:{error.lineno}:{error.colno}", f"is not JSON: {error.msg}"))
        return []
    except _KeyTwice:
        faults.append(Fault(str(file), "has a key twice in one object"))
        return []
    items = list(_items(text)) if isinstance(document, list) else [(document, text)]
    contents = []
    for number, (item, written) in enumerate(items):
        at = f"{file}: " + (f"[{number}]." if isinstance(document, list) else "")
        if isinstance(item, dict):
            contents.append((at, item, written))
        else:
            faults.append(Fault(at.rstrip(".: "), "must be a consultation, a JSON object"))
    return contents


def _items(text: str) -> Iterator[tuple[Any, str]]:
    """Give each item of a JSON list that was read already, with its own text."""
    decoder = json.JSONDecoder()
    start = text.index("[") + 1
    while True:
        start += len(_BETWEEN.match(text, start).group())  # type: ignore[union-attr]
        if text[start] == "]":
            return
        item, end = decoder.raw_decode(text, start)
        yield item, text[start:end]
        start = end
