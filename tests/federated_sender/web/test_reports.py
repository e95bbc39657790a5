"""What became of each report, on a page; whom it is about; and the documents exactly as they were sent."""

from __future__ import annotations

import base64
import html
import re
from datetime import date

import pytest
from sqlalchemy import select, text

from federated_sender import deletion, ledger, resending
from federated_sender.export import documents_of
from federated_sender.tables import Report, ReportBody
from shared.db import Database
from tests.federated_sender import rows
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.web.conftest import SignIn
from tests.federated_sender.web.day import PATIENTS, Day, patient, play
from tests.shared.web.browsing import Browser

MRS_JONES = "9434765919"
NOTHING = "00000000-0000-4000-8000-000000000000"
# what differs between the databases is in the tests without it
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
GROUPS = {
    "all": set(PATIENTS),
    "waiting": {"waiting"},
    "sent": {"sent", "overdue", "accepted"},
    "overdue": {"overdue"},
    "delivered": {"delivered"},
    "failed": {"failed", "invalid"},
    "not-required": {"not_required"},
}


def words(page: Browser) -> str:
    """What a person reads on a page."""
    _, _, main = page.page.partition("<main")
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def audited(database: Database) -> list[tuple[str, str, str | None, str | None]]:
    with database.snapshot() as session:
        lines = ledger.AUDIT.listing(session)
    return [(line.user_name, line.action, line.subject_id, line.nhs_number) for line in lines]


def waiting(sender: SenderBench) -> str:
    """Let a report wait, and return its id."""
    sender.enqueue(patient("waiting"))
    report_id: str = sender.only()["report_id"]
    return report_id


@pytest.fixture
def day(sender: SenderBench) -> Day:
    return play(sender)


@pytest.mark.requirement("GPCM-SD-094", "GPCM-SD-095")
def test_every_report_is_in_its_group_with_its_patient_and_how_it_stands(day: Day, sign_in: SignIn) -> None:
    viewer = sign_in("viewer")

    for group, kinds in GROUPS.items():
        viewer.get(f"/reports?show={group}")
        linked = set(re.findall(r'href="/reports/([0-9a-f-]{36})"', viewer.page))
        assert linked == {day.reports[kind] for kind in kinds}
        assert f" ({len(kinds)})" in viewer.page
    viewer.get("/reports?show=failed")
    assert "Robin Holmwood NHS number 999 000 4382" in words(viewer)
    assert "30003: The patient has left that practice" in words(viewer)
    assert "Patient not known" in words(viewer)
    assert audited(day.sender.database)[0] == ("web:viewer", "reports_listed", None, None)


@SQLITE
def test_a_report_shows_its_patient_what_to_do_and_its_whole_story(day: Day, sign_in: SignIn) -> None:
    viewer, report_id = sign_in("viewer"), day.reports["failed"]

    viewer.get(f"/reports/{report_id}")

    said = words(viewer)
    assert "Report about Mr Robin Holmwood failed It was not filed" in said
    assert "What to do" in said
    assert "Birch Surgery Its ODS code B82002 Its telephone 01632 960020" in said
    for event in day.sender.timeline(report_id):
        assert event.replace("_", " ") in said
    assert audited(day.sender.database)[0] == ("web:viewer", "report_viewed", report_id, "9990004382")


@SQLITE
def test_who_may_only_look_gets_no_document_and_changes_nothing(day: Day, sign_in: SignIn) -> None:
    viewer, at = sign_in("viewer"), f"/reports/{day.reports['failed']}"
    viewer.get(at)
    offered = viewer.page.partition("<main")[2]

    refused = [viewer.get(f"{at}/{what}") for what in ("documents", "documents/01-report.pdf", "resend", "reissue")]
    refused += [viewer.post(f"{at}/{what}", {"reason": "why not"}) for what in ("retry", "resend", "reissue")]

    assert {each.status_code for each in refused} == {403}
    assert "documents" not in offered
    assert "Resend" not in offered
    assert {action for _, action, *_ in audited(day.sender.database)} == {"report_viewed"}


def test_the_document_is_the_one_that_was_sent_to_the_byte_and_who_saw_it_is_kept(day: Day, sign_in: SignIn) -> None:
    clerk, report_id = sign_in("clerk"), day.reports["delivered"]
    with day.sender.database.snapshot() as session:
        of_it = select(ReportBody).join(Report).where(Report.report_id == report_id)
        sent = documents_of(session.scalars(of_it).one())["01-report.pdf"]

    shown = clerk.get(f"/reports/{report_id}/documents/01-report.pdf")

    assert shown.content == sent.data
    assert shown.headers["content-disposition"] == 'inline; filename="01-report.pdf"'
    assert shown.headers["cache-control"] == "no-store"
    assert audited(day.sender.database)[0] == ("web:clerk", "document_viewed", report_id, "9990002088")


@SQLITE
def test_what_the_clinical_system_attached_is_listed_and_a_pdf_of_it_only_saved(
    sender: SenderBench, sign_in: SignIn
) -> None:
    data = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
    attached = [{"title": "<b>ECG</b>", "content_type": "application/pdf", "data": data}]
    sender.enqueue(patient("delivered", attachments=attached))
    sender.pass_time(hours=4)
    sender.once()
    clerk, at = sign_in("clerk"), f"/reports/{sender.only()['report_id']}/documents"

    clerk.get(at)
    saved = clerk.get(f"{at}/02-attachment.pdf")

    assert "&lt;b&gt;ECG&lt;/b&gt;" in clerk.page
    assert (saved.headers["content-disposition"], saved.headers["content-type"]) == (
        'attachment; filename="02-attachment.pdf"',
        "application/octet-stream",
    )


def test_a_document_of_another_name_is_not_there(sender: SenderBench, sign_in: SignIn) -> None:
    report_id, clerk = waiting(sender), sign_in("clerk")
    names = ("..%2F..%2Fetc%2Fpasswd", "03-attachment.pdf", "%00", "01-report.pdf%0d%0aX-Evil:1")

    answers = [clerk.get(f"/reports/{report_id}/documents/{name}") for name in names]

    assert {answer.status_code for answer in answers} == {404}
    assert not any("x-evil" in answer.headers for answer in answers)


@SQLITE
def test_words_of_the_clinical_system_stay_words(sender: SenderBench, sign_in: SignIn) -> None:
    sender.enqueue(patient("waiting", patient__family='<script>alert("1")</script>', patient__given=[]))
    viewer = sign_in("viewer")

    for path in ("/reports", f"/reports/{sender.only()['report_id']}"):
        viewer.get(path)
        assert "<script" not in viewer.page
    assert '<script>alert("1")</script>' in words(viewer)


@SQLITE
def test_many_reports_come_a_page_at_a_time(sender: SenderBench, sign_in: SignIn) -> None:
    sender.enqueue(*(patient("waiting", consultation_id=f"00000000-0000-4000-8000-{n:012}") for n in range(51)))
    viewer = sign_in("viewer")

    pages = [viewer.get(f"/reports?show=waiting&page={number}").text for number in ("1", "2", "-1", "x")]

    counted = [len(set(re.findall(r'href="/reports/([0-9a-f-]{36})"', page))) for page in pages]
    assert counted == [50, 1, 50, 50]
    assert [("Older" in page, "Newer" in page) for page in pages[:2]] == [(True, False), (False, True)]


def test_an_alert_leads_to_its_report_and_one_about_something_else_nowhere(
    sender: SenderBench, sign_in: SignIn
) -> None:
    rows.write(sender, patient("invalid"), patient_nhs_number="1234567890")
    sender.once()
    with sender.database.transaction() as session:
        more = {"now": sender.now(), "text": "MESH refuses this mailbox.", "action": "Run `check`.", "code": None}
        ledger.ALERTS.open(session, kind="mesh_refused", subject_id="ALDERMB1/collect", **more)
    viewer = sign_in("viewer")

    links = {}
    for alert in sender.alerts():
        viewer.get(f"/alerts/{alert['alert_id']}")
        links[alert["kind"]] = re.findall(r'href="(/reports/[^"]*)">The report', viewer.page)
        assert "`" not in words(viewer)

    assert links == {"invalid": [f"/reports/{sender.only()['report_id']}"], "mesh_refused": []}


@SQLITE
def test_what_was_set_aside_is_taken_back(sender: SenderBench, sign_in: SignIn) -> None:
    report_id = waiting(sender)
    with sender.database.transaction() as session:
        session.execute(text("UPDATE report SET parked_at = '2026-11-20 18:00:00'"))
    clerk = sign_in("clerk")
    clerk.get(f"/reports/{report_id}")

    answer = clerk.post(f"/reports/{report_id}/retry")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/reports/{report_id}")
    assert sender.shown(report_id)["parked_at"] is None
    assert audited(sender.database)[0] == ("web:clerk", "record_retried", report_id, "9990002754")
    assert clerk.post(f"/reports/{report_id}/retry").status_code == 409


def test_a_report_that_is_not_there_is_not_found(sign_in: SignIn) -> None:
    clerk = sign_in("clerk")

    for path in ("nothing", "%00", NOTHING, f"{NOTHING}/documents", f"{NOTHING}/resend"):
        assert clerk.get(f"/reports/{path}").status_code == 404


@SQLITE
@pytest.mark.parametrize("number", ["0", "9" * 19, "9" * 5000])
def test_a_page_that_no_list_has_is_the_first(sender: SenderBench, sign_in: SignIn, number: str) -> None:
    report_id = waiting(sender)

    answer = sign_in("viewer").get(f"/reports?page={number}")

    assert (answer.status_code, report_id in answer.text) == (200, True)


def moved_to_jones(sender: SenderBench) -> tuple[str, str]:
    """Send a report about Smith, let an update be about Jones; return both reports' ids."""
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    sender.enqueue(consultation(updated_at="2026-11-20T21:40:00+00:00", patient__nhs_number=MRS_JONES))
    sent, unsent = sorted(sender.status(), key=lambda record: record["version"] or 99)
    return sent["report_id"], unsent["report_id"]


@SQLITE
def test_who_has_a_deleted_report_is_told_by_what_went_out_and_not_by_an_update_about_another_patient(
    sender: SenderBench, sign_in: SignIn
) -> None:
    sent, unsent = moved_to_jones(sender)
    with sender.database.transaction() as session:
        deletion.delete(session, CONSULTATION, sender.now(), "jane")
    (alert,) = sender.alerts()
    viewer = sign_in("viewer")

    viewer.get(f"/alerts/{alert['alert_id']}")
    linked = set(re.findall(r'href="(/reports/[^"]*)"', viewer.page.partition("<main")[2]))
    told = {each: "Telephone the registered practice" in viewer.get(f"/reports/{each}").text for each in (sent, unsent)}

    assert linked == {f"/reports/{sent}"}
    assert told == {sent: True, unsent: False}


@SQLITE
def test_each_patient_whose_report_went_out_has_a_link_of_their_own(sender: SenderBench, sign_in: SignIn) -> None:
    sender.mesh.register(MRS_JONES, date(1957, 1, 9), "Smith", "BIRCHMB1")
    first, second = moved_to_jones(sender)
    sender.pass_time(hours=4)
    sender.once()
    with sender.database.transaction() as session:
        deletion.delete(session, CONSULTATION, sender.now(), "jane")
    (alert,) = sender.alerts()
    viewer = sign_in("viewer")

    viewer.get(f"/alerts/{alert['alert_id']}")

    assert re.findall(r'href="/reports/([^"]*)">(The report[^<]*)<', viewer.page) == [
        (second, "The report, version 2, to B82002"),
        (first, "The report, version 1, to B82002"),
    ]


@SQLITE
def test_what_was_built_and_never_went_is_not_said_to_have_been_sent(sender: SenderBench, sign_in: SignIn) -> None:
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.mesh.down()
    sender.once()
    sender.mesh.up()
    clerk, report_id = sign_in("clerk"), sender.only()["report_id"]

    clerk.get(f"/reports/{report_id}")
    offered = words(clerk)
    clerk.get(f"/reports/{report_id}/documents")
    listed = words(clerk)
    sender.pass_time(hours=4)
    sender.once()
    clerk = sign_in("admin")
    clerk.get(f"/reports/{report_id}")

    assert "The report as it was built; it was not sent (PDF)" in offered
    assert "All documents that were built; they were not sent" in listed
    assert "sent (PDF) All documents that were sent" in words(clerk)


@SQLITE
def test_a_report_that_was_not_sent_again_is_told_as_sent_before_with_each_send(
    sender: SenderBench, sign_in: SignIn
) -> None:
    sent, _ = moved_to_jones_after_resend(sender)
    mesh_message_id = sender.shown(sent)["sends"][0]["mesh_message_id"]
    viewer = sign_in("viewer")

    viewer.get("/reports?show=failed")
    listed = words(viewer)
    viewer.get(f"/reports/{sent}")

    said = "It was sent before, and was not sent again as asked. The consultation is about another patient since."
    assert said in listed
    assert said in words(viewer)
    assert f"{mesh_message_id} 2" in words(viewer).partition("Sends")[2]
    assert "tester it was lost no" in words(viewer).partition("Sends")[2]


def moved_to_jones_after_resend(sender: SenderBench) -> tuple[str, str]:
    """Send a report, ask for it once more, and let an update be about another patient before it goes."""
    sender.enqueue(consultation())
    sender.pass_time(hours=4)
    sender.once()
    with sender.database.transaction() as session:
        resending.resend(session, CONSULTATION, "it was lost", sender.now(), "tester", again=False)
    sender.enqueue(consultation(updated_at="2026-11-20T21:40:00+00:00", patient__nhs_number=MRS_JONES))
    sender.once()
    sent, unsent = sorted(sender.status(), key=lambda record: record["version"] or 99)
    return sent["report_id"], unsent["report_id"]


@SQLITE
def test_a_document_that_is_not_there_was_viewed_by_nobody(day: Day, sign_in: SignIn) -> None:
    clerk = sign_in("clerk")

    answer = clerk.get(f"/reports/{day.reports['delivered']}/documents/07-attachment.pdf")

    assert answer.status_code == 404
    assert "document_viewed" not in {action for _, action, *_ in audited(day.sender.database)}
