from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from federated_sender.overdue import alert_for
from federated_sender.tracking import Tracked
from federated_sender.web.advice import ADVICE as AT_THE_SENDER
from registered_receiver.web.advice import ADVICE as AT_THE_RECEIVER
from shared.meanings.catalogue import meaning_of
from shared.meanings.of_mesh import MESH
from shared.meanings.of_responses import RESPONSES
from shared.web.advice import OF_BOTH, Advice, advise
from shared.web.links import Link
from shared.web.page_words import PHRASES, in_page_words
from tests.deploy.test_operations import kinds

ALERT = {"kind": "lost", "text": "It is lost.", "action": "Tell them; then `reissue`."}
TABLES = {"sender": AT_THE_SENDER, "receiver": AT_THE_RECEIVER}


def commands_in(text: str) -> set[str]:
    """Return what stands in a text as code and is neither a setting nor a state."""
    return {each for each in re.findall(r"`([^`]*)`", text) if not re.fullmatch(r"[A-Z_]+(=\w+)?", each)}


def test_every_kind_of_alert_is_told_in_the_words_of_the_pages() -> None:
    assert set(AT_THE_SENDER) | set(AT_THE_RECEIVER) == kinds()
    assert set(AT_THE_SENDER) & set(AT_THE_RECEIVER) == set(OF_BOTH)


@pytest.mark.parametrize("daemon", TABLES)
def test_no_page_tells_anybody_to_run_a_command(daemon: str) -> None:
    said = [f"{advice.title} {advice.words}" for advice in TABLES[daemon].values()]

    assert not any("`" in words for words in said)


def test_nor_do_the_words_of_the_catalogue_of_codes() -> None:
    meanings = [*MESH, *RESPONSES, *map(meaning_of, ("", "99999", "39999", "EPL-999"))]

    assert {each.code: found for each in meanings if (found := commands_in(in_page_words(each.next_step)))} == {}


def test_nor_those_of_a_response_that_is_overdue() -> None:
    sent = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
    for found, level in itertools.product([None, *Tracked], ("infrastructure", "business")):
        report = SimpleNamespace(
            infrastructure_code=None, business_code=None, tracking_status=found, tracked_at=sent, sent_at=sent
        )
        need = alert_for(level, report)  # type: ignore[arg-type]

        assert commands_in(in_page_words(need.action)) == set()


def test_every_phrase_that_is_put_in_other_words_is_one_that_somebody_says() -> None:
    assert all("`" in command and "`" not in words for command, words in PHRASES)


def test_an_alert_of_no_known_kind_speaks_for_itself() -> None:
    assert advise({}, ALERT, None) == Advice("Lost", "Tell them; then reissue the report.")


def test_a_link_leads_to_the_record_or_is_left_out_when_there_is_none() -> None:
    table = {"lost": Advice("It is lost", "Find it.", (Link("Resend", "{record}/resend"), Link("All", "/reports")))}

    with_one, without = advise(table, ALERT, "/reports/1"), advise(table, ALERT, None)

    assert [link.path for link in with_one.links] == ["/reports/1/resend", "/reports"]
    assert [link.path for link in without.links] == ["/reports"]
    assert (with_one.title, with_one.words) == ("It is lost", "Find it.")


def test_a_text_that_names_a_command_is_shown_without_it() -> None:
    told = in_page_words("A consultation cannot be sent: 2 faults, which `show 1b2c` names.")

    assert told == "A consultation cannot be sent: 2 faults, which the page of the report names."
