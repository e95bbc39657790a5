"""A good end of an experiment that is spoilt in one place: each of these the checker must find."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.chaos.evidence import REPORTS, RESPONSES, Evidence, read_message

_MORE = b"<!-- more -->"


@dataclass
class Spoilt:
    """A copy of what was seen, which may be changed."""

    seen: Evidence

    @classmethod
    def of(cls, evidence: Evidence) -> Spoilt:
        """Return a copy."""
        return cls(copy.deepcopy(evidence))

    def row(self, table: str, **wanted: Any) -> dict[str, Any]:
        """Return the first row of a table, ``sender.report``, that has these values."""
        return next(row for row in self.rows(table) if all(row[name] == value for name, value in wanted.items()))

    def rows(self, table: str) -> list[Any]:
        """Return the rows of a table."""
        side, _, name = table.partition(".")
        found: Any = self.seen.mesh if side == "mesh" else getattr(self.seen, side)[name]
        return found  # type: ignore[no-any-return]

    def drop(self, table: str, **wanted: Any) -> None:
        """Lose that row."""
        self.rows(table).remove(self.row(table, **wanted))

    def post(self, workflow: str, code: str = "", number: int = 0) -> dict[str, Any]:
        """Return a message that MESH took and delivered."""
        posts: list[Any] = [each for each in self.seen.posts(workflow) if each["status"] == "acknowledged"]
        return [each for each in posts if read_message(each["body"]).code == code][number]  # type: ignore[no-any-return]

    def repeat(self, post: Mapping[str, Any], **changes: Any) -> None:
        """Let MESH take a message once more, and the other side have it."""
        again = {**post, **changes, "message_id": f"{post['message_id']}+"}
        self.rows("mesh").append(again)
        table = "sender.inbox" if post["workflow_id"] == RESPONSES else "receiver.message"
        kept = self.row(table, mesh_message_id=post["message_id"])
        self.rows(table).append({**kept, "mesh_message_id": again["message_id"], "body": again["body"]})
        if table == "receiver.message":
            self.rows("receiver.message_body").append({"mesh_message_id": again["message_id"], "body": again["body"]})
            story = [row for row in self.rows("receiver.timeline") if row["mesh_message_id"] == post["message_id"]]
            self.rows("receiver.timeline").extend({**row, "mesh_message_id": again["message_id"]} for row in story)


def _set(table: str, column: str, value: Any, **wanted: Any) -> Callable[[Spoilt], None]:
    def change(spoilt: Spoilt) -> None:
        spoilt.row(table, **wanted)[column] = value

    return change


def _append(table: str, column: str, **wanted: Any) -> Callable[[Spoilt], None]:
    def change(spoilt: Spoilt) -> None:
        row = spoilt.row(table, **wanted)
        row[column] = bytes(row[column]) + _MORE

    return change


def _drop(table: str, **wanted: Any) -> Callable[[Spoilt], None]:
    return lambda spoilt: spoilt.drop(table, **wanted)


def _answer_again(old: bytes, new: bytes, code: str = "20013") -> Callable[[Spoilt], None]:
    """Let another response, with an id of its own, stand beside one; ``old`` is replaced by ``new`` in it."""

    def change(spoilt: Spoilt) -> None:
        post = spoilt.post(RESPONSES, code)
        body = post["body"].replace(read_message(post["body"]).message_id.encode(), b"another-one").replace(old, new)
        spoilt.repeat(post, body=body)
        spoilt.rows("receiver.response").append({**spoilt.rows("receiver.response")[0], "body": body})

    return change


def _send_twice(spoilt: Spoilt) -> None:
    spoilt.repeat(spoilt.post(REPORTS))


def _send_later_version_first(spoilt: Spoilt) -> None:
    known = {row["message_id"]: row for row in spoilt.rows("sender.report")}
    first, second = (known[read_message(spoilt.post(REPORTS, number=each)["body"]).message_id] for each in (0, 1))
    first["version"], second["version"], second["consultation_id"] = 2, 1, first["consultation_id"]


def _file_twice(spoilt: Spoilt) -> None:
    spoilt.rows("receiver.task").append({**spoilt.row("receiver.task"), "task_id": "another"})


def _leave_an_older_version_open(spoilt: Spoilt) -> None:
    spoilt.rows("receiver.task").append({**spoilt.row("receiver.task"), "version": 2})


def _tell_twice(spoilt: Spoilt) -> None:
    story = spoilt.rows("sender.timeline")
    sent = spoilt.row("sender.timeline", to_state="accepted")
    last = max(row["id"] for row in story)
    again = (("accepted", "sent"), ("sent", "accepted"))
    at = story.index(sent)
    for later in story[at + 1 :]:
        later["id"] += 2 * last
    story += [
        {**sent, "id": last + number, "from_state": before, "to_state": after}
        for number, (before, after) in enumerate(again, start=1)
    ]


def _forget_a_consultation(spoilt: Spoilt) -> None:
    report = spoilt.row("sender.report", state="delivered")
    del spoilt.seen.written[report["consultation_id"]]  # type: ignore[attr-defined]


def _answer_a_stranger(spoilt: Spoilt) -> None:
    post = spoilt.post(RESPONSES, "30001")
    post["body"] = re.sub(rb'(<response>\s*<identifier value=")[^"]+', rb"\1nobody", post["body"])


MUTATIONS: Final[Mapping[str, tuple[str, Callable[[Spoilt], None]]]] = {
    "a report is lost": ("is not known to the sender", _drop("sender.report", state="not_required")),
    "a report comes from nowhere": ("nobody wrote the consultation", _forget_a_consultation),
    "a wrong state": ("is accepted, not delivered", _set("sender.report", "state", "accepted", state="delivered")),
    "a wrong reason": ("has the reason 30003", _set("sender.report", "reason", "30003", reason="30002")),
    "a version is missing": ("has the versions [2]", _set("sender.report", "version", 2, state="delivered")),
    "a report without a version": ("has the version None", _set("sender.report", "version", None, state="delivered")),
    "an old edition": ("is not the newest edition", _set("sender.report", "content", "{}", state="delivered")),
    "a lost task": ("and has 0 tasks", _drop("receiver.task")),
    "a task too many": ("and has 2 tasks", _file_twice),
    "a task of nothing": ("came from nowhere", _set("receiver.task", "version", 9)),
    "an older version open": ("the versions [1, 2] are open", _leave_an_older_version_open),
    "other bytes sent": ("MESH took other bytes than are stored of report", _append("sender.report_body", "message")),
    "sent twice": ("2 times", _send_twice),
    "never sent": ("and MESH never took it", lambda spoilt: spoilt.rows("mesh").remove(spoilt.post(REPORTS))),
    "sent by nobody": ("which no report of the sender is", _set("sender.report", "message_id", "x", state="delivered")),
    "sent in the wrong order": ("was sent after a later one", _send_later_version_first),
    "other bytes received": ("the receiver has other bytes of", _append("receiver.message_body", "body")),
    "a message not received": ("the receiver does not have", _drop("receiver.message_body")),
    "another response received": (
        "the sender has other bytes of",
        _append("sender.inbox", "body", message_type="DATA"),
    ),
    "another response stored": ("than the receiver has stored", _append("receiver.response", "body")),
    "a response not stored": ("which no response of the receiver is", _drop("receiver.response")),
    "another document": ("has other bytes", _append("receiver.blob", "data")),
    "a document not stored": ("is not stored", _drop("receiver.blob")),
    "a document missing": ("are not those that were sent", _drop("receiver.task_document", position=1)),
    "an attachment missing": ("are not those of the consultation", _drop("receiver.task_document", position=2)),
    "two responses": ("'20013': 2", _answer_again(b"", b"")),
    "a refusal besides": ("'20012': 1", _answer_again(b'"20013"', b'"20012"')),
    "two business responses": ("'30001': 2", _answer_again(b"", b"", "30001")),
    "a response missing": (
        "was answered {'20013': 1}",
        lambda spoilt: spoilt.rows("mesh").remove(spoilt.post(RESPONSES, "30001")),
    ),
    "a response for nobody": ("which nobody sent", _answer_a_stranger),
    "a response without effect": (
        "and was answered",
        _set("sender.report", "business_code", "30004", business_code="30001"),
    ),
    "left in MESH": ("still lies in the mailbox", _set("mesh", "status", "accepted", workflow_id=RESPONSES)),
    "acknowledged and lost": ("was acknowledged and nobody has it", _drop("sender.inbox", message_type="DATA")),
    "a gap in a story": ("jumps from", _drop("sender.timeline", to_state="sent")),
    "a message's story without its beginning": ("jumps from None", _drop("receiver.timeline", to_state="received")),
    "a story without its end": ("its story ends with", _drop("receiver.timeline", to_state="filed")),
    "a story that turns back": ("becomes accepted again", _tell_twice),
    "a story without a code": ("of which its story does not tell", _set("sender.timeline", "code", None, code="30001")),
    "silent failure": ("and nobody was told", _drop("sender.alert", kind="negative_response")),
    "a person is waited for": ("has the open alert parked", _set("sender.alert", "kind", "parked", kind="invalid")),
}
"""Each by name, with words of the fault that must be found."""
