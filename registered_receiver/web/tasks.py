"""The worklist: tasks, their documents, completing one, and finding a patient's."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from registered_receiver import records, worklist
from registered_receiver.app import Receiver
from registered_receiver.desk import Desk
from registered_receiver.states import TaskState
from shared.errors import CommandFailed
from shared.identifiers import NhsNumber
from shared.itk3.attachments import kind_of_type
from shared.web import documents
from shared.web.roles import Role
from shared.web.site import Page, Visit

_A_PAGE: Final = 50
_ALL: Final = "all"


def desk_of(visit: Visit[Receiver]) -> Desk:
    """Return the desk at which whoever is signed in works."""
    return Desk(visit.app.database, visit.app.clock, visit.app.practice, visit.who)


def listing(visit: Visit[Receiver]) -> Response:
    """Show the tasks of one state, open ones unless another is asked for, newest first (GPCM-SD-092)."""
    wanted = visit.query("state") or TaskState.OPEN
    if wanted != _ALL and wanted not in set(TaskState):
        raise CommandFailed("there is no such list of tasks")
    number = visit.page()
    state = None if wanted == _ALL else wanted
    # one more than is shown says whether there is a next page
    found = desk_of(visit).tasks(state, _A_PAGE + 1, skip=(number - 1) * _A_PAGE)
    with visit.app.database.snapshot() as session:
        counts = worklist.counts(session)
    more = len(found) > _A_PAGE
    return visit.render("tasks.html", tasks=found[:_A_PAGE], wanted=wanted, counts=counts, number=number, more=more)


def show(visit: Visit[Receiver]) -> Response:
    """Show one task with its documents and the other versions of its consultation."""
    desk, task_id = desk_of(visit), visit.parameter("task_id")
    task = desk.task(task_id)
    for document in task["documents"]:
        active = document["active_content"] is not False
        document["kind"] = kind_of_type(document["content_type"]) or "unknown"
        document["opens"] = documents.can_be_shown(document["content_type"], active=active)
    completed = any(older["completed_at"] for older in task["supersedes"])
    note = records.task_note(task["flag"], completed_before=completed)
    return visit.render("task.html", task=task, note=note, versions=desk.versions(task_id))


def document(visit: Visit[Receiver]) -> Response:
    """Give out one document: shown where a browser can do so safely, else as a download (GPCM-SD-093, FHIR-DOC-04)."""
    position = visit.parameter("position")
    if not (len(position) < 6 and position.isascii() and position.isdecimal()):
        raise CommandFailed("there is no such document")
    found = desk_of(visit).document(visit.parameter("task_id"), int(position))
    return documents.response(found, download=visit.query("download") == "1")


def complete(visit: Visit[Receiver]) -> Response:
    """Mark a task as dealt with; one that is not open any more is refused."""
    task_id = visit.parameter("task_id")
    desk_of(visit).complete(task_id)
    return visit.go(f"/tasks/{task_id}")


def ask(visit: Visit[Receiver]) -> Response:
    """Ask for an NHS number."""
    return visit.render("search.html")


def search(visit: Visit[Receiver]) -> Response:
    """Show the tasks of the patient with an NHS number. It comes in a form, never in an address."""
    try:
        number = NhsNumber(visit.value("nhs_number"))
    except ValueError as error:
        return visit.render(
            "search.html", status=422, typed=visit.form, faults={"nhs_number": f"What was typed {error}"}
        )
    found = desk_of(visit).tasks(nhs_number=number)
    return visit.render("search.html", tasks=found, nhs_number=number)


PAGES: Final[tuple[Page[Receiver], ...]] = (
    Page("GET", "/tasks", Role.VIEWER, listing),
    Page("GET", "/tasks/{task_id}", Role.VIEWER, show),
    Page("GET", "/tasks/{task_id}/documents/{position}", Role.CLERK, document),
    Page("POST", "/tasks/{task_id}/complete", Role.CLERK, complete),
    Page("GET", "/search", Role.CLERK, ask),
    Page("POST", "/search", Role.CLERK, search),
)
