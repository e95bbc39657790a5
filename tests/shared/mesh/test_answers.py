"""What MESH answers when all is well."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.errors import MeshProtocolError
from shared.mesh import answers
from shared.mesh.answers import Answer
from shared.mesh.messages import Endpoint, LocalIdTracking, Taken, Tracking


def answer(document: Any, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(document).encode())


@pytest.mark.parametrize("body", [{"message_id": "M1"}, {"messageID": "M1"}])
def test_the_id_of_a_sent_message_is_read_in_both_spellings(body: Any) -> None:
    assert answers.sent_message_id(answer(body, 202)) == "M1"


def test_a_page_of_the_inbox_has_ids_and_perhaps_a_next_one() -> None:
    page = answers.inbox_page(answer({"messages": ["M1", "M2"], "links": {"self": "/a", "next": "/b"}}))

    assert page.message_ids == ("M1", "M2")
    assert page.next_link == "/b"
    assert answers.inbox_page(answer({"messages": []})).next_link is None
    assert answers.inbox_page(answer({"messages": [], "links": ["/b"]})).next_link is None


def test_tracking_is_read_in_both_spellings() -> None:
    new = answer({"message_id": "M1", "status": "accepted", "recipient": "A81001OT001"})
    old = answer({"dtsId": "M1", "status": "Accepted", "recipient": "A81001OT001"})

    assert answers.tracking(new) == answers.tracking(old) == Tracking("M1", "accepted", "A81001OT001")


def test_a_local_id_is_known_never_once_or_several_times() -> None:
    assert answers.local_id_tracking(Answer(404, {}, b"")).taken is Taken.NEVER
    assert answers.local_id_tracking(Answer(300, {}, b"")).taken is Taken.SEVERAL_TIMES
    once = answers.local_id_tracking(answer({"messageId": "M1", "status": "Accepted"}))
    assert (once.taken, once.message_id) == (Taken.ONCE, "M1")


@pytest.mark.parametrize(("said", "chunks"), [({"chunkCount": 3}, 3), ({"chunkCount": "3"}, None), ({}, None)])
def test_an_upload_that_lacks_chunks_was_not_taken(said: dict[str, Any], chunks: int | None) -> None:
    tracked = answers.local_id_tracking(answer({"messageId": "M1", "status": "Uploading", **said}))

    assert tracked == LocalIdTracking(Taken.UNFINISHED, "M1", chunks)


def test_endpoints_are_read_in_both_spellings_and_nonsense_is_passed_over() -> None:
    results = [{"mailbox_id": "A", "mailbox_name": "One"}, {"address": "B", "description": "Two"}, {}, "x"]

    assert answers.endpoints(answer({"results": results})) == [Endpoint("A", "One"), Endpoint("B", "Two")]


@pytest.mark.parametrize("read", [answers.sent_message_id, answers.inbox_page, answers.tracking, answers.endpoints])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"<html/>", b"{}", b'{"message_id": 7, "messages": [7], "results": {}}']
)
def test_a_good_answer_that_cannot_be_read_is_a_fault_of_mesh(read: Any, body: bytes) -> None:
    with pytest.raises(MeshProtocolError):
        read(Answer(200, {}, body))


def test_an_id_of_any_length_never_gets_beyond_the_answer() -> None:
    with pytest.raises(MeshProtocolError):
        answers.sent_message_id(answer({"message_id": "M" * 101}, 202))
    with pytest.raises(MeshProtocolError):
        answers.tracking(answer({"message_id": "M" * 101, "status": "accepted"}))
