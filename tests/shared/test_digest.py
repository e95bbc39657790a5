"""The mail itself: what it says, and what nothing can make it say."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from shared.digest import Item, Letterhead, compose

NOW = datetime(2026, 11, 20, 22, 5, tzinfo=UTC)
LETTERHEAD = Letterhead("federated-sender", "A81001", "alerts@alder.example", ("manager@alder.example",))


def item(number: int = 1, text: str = "Something happened.", action: str = "Telephone.") -> Item:
    return Item(f"alert-{number}", "negative_response", NOW, text, action)


def body(*items: Item) -> str:
    return str(compose(LETTERHEAD, items, NOW).get_content())


def test_the_same_alerts_give_the_same_message_id_whatever_their_order() -> None:
    one = compose(LETTERHEAD, [item(1), item(2)], NOW)["Message-ID"]
    other = compose(LETTERHEAD, [item(2), item(1)], NOW.replace(hour=23))["Message-ID"]

    assert one == other
    assert one != compose(LETTERHEAD, [item(1)], NOW)["Message-ID"]


def test_nothing_in_an_alert_becomes_a_header_or_another_alert() -> None:
    hostile = item(text="x\r\nBcc: thief@example.org\r\n\r\nWhat to do: nothing", action="y\nSubject: z")

    mail = message_from_bytes(compose(LETTERHEAD, [hostile], NOW).as_bytes(), policy=policy.default)

    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding",
    }  # fmt: skip
    assert [line for line in mail.get_content().splitlines() if line.startswith("What to do:")] == [
        "What to do: y Subject: z"
    ]


@pytest.mark.parametrize("broken", ["A81001\r\nBcc: thief@example.org", "A81001\nX: y"])
def test_a_header_with_a_line_break_cannot_be_written(broken: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)header|line"):
        compose(Letterhead("federated-sender", broken, "alerts@alder.example", ("m@alder.example",)), [item()], NOW)


def test_a_flood_is_told_of_by_its_number() -> None:
    text = body(*(item(number) for number in range(60)))

    assert text.count("negative_response, since 2026-11-20 22:05 UTC") == 50
    assert "10 more alerts are not shown here." in text


def test_any_letters_arrive_as_they_are() -> None:
    mail = compose(LETTERHEAD, [item(text="Zoë \u2013 \u5c71\u7530 " + "x" * 2000)], NOW)

    received = message_from_bytes(mail.as_bytes(), policy=policy.default).get_content()

    assert "Zoë \u2013 \u5c71\u7530 xxx" in received
    assert max(len(line) for line in mail.as_bytes().splitlines()) < 999
