"""``enqueue``: consultations from JSON files into the outbox, all of a call or none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from federated_sender import outbox
from federated_sender.attachments import beside
from federated_sender.intake import Intake, Outcome
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
        for at, content in _contents(file, faults):
            try:
                read = beside(file.parent)
                judged.append((at, outbox.judge(content, read, now, digest_required=False, faults=[], at=at)))
            except InvalidConsultation as error:
                faults += error.faults
    faults += _repeated(judged)
    if faults:
        raise InvalidConsultation(faults)
    outcomes: list[tuple[str, Outcome]] = []
    with intake.database.transaction() as session:
        for at, item in judged:
            outcome = intake.take(session, item, now, by)
            if outcome is Outcome.OLDER:
                faults.append(Fault(at + "updated_at", "is older than what is known of this consultation"))
                continue
            if outcome is not Outcome.UNCHANGED:
                # what was just taken into account is not pending any more
                row = outbox.write_row(session, item)
                outbox.settle(session, row.consultation_id)
            outcomes.append((str(item.consultation.consultation_id), outcome))
        if faults:
            raise InvalidConsultation(faults)
    return outcomes


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


def _contents(file: Path, faults: list[Fault]) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of one file, each with the prefix of its paths; what is wrong goes into ``faults``."""
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=_object)
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
    items = document if isinstance(document, list) else [document]
    contents = []
    for number, item in enumerate(items):
        at = f"{file}: " + (f"[{number}]." if isinstance(document, list) else "")
        if isinstance(item, dict):
            contents.append((at, item))
        else:
            faults.append(Fault(at.rstrip(".: "), "must be a consultation, a JSON object"))
    return contents
