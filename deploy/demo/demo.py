"""An evening surgery between two practices, with real daemons over a local MESH: ``make demo``.

With ``--break`` the local MESH loses every response on its way: the demo must notice and name what is missing. With
``--payload document`` reports go as GP Connect Send Document 2.0 has them.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tabulate import tabulate

from deploy.demo import judge, surgery
from deploy.demo.cases import cases_of
from deploy.demo.documents import write_documents
from deploy.demo.evening import Evening
from deploy.demo.practices import DemoFailed, LocalMesh, Practice
from deploy.demo.surgery import ALDER, BIRCH

_RESPONSES: Final = {"task": "GPFED_CONSULT_REPORT_ACK", "document": "GPCONNECT_SEND_DOCUMENT_ACK"}
# the local MESH ends by itself after so many seconds, should nobody end it
_MESH_LIVES: Final = 900
_COMMON: Final = {"MESH_POLL_INTERVAL": "PT1S", "MESH_SHARED_KEY": "demo shared key"}


def settings(url: str, practice: dict[str, str]) -> dict[str, str]:
    """Return the settings that both daemons have."""
    return {
        **_COMMON,
        "PRACTICE_ODS_CODE": practice["ods_code"],
        "MESH_URL": url,
        "MESH_MAILBOX_ID": practice["mailbox_id"],
        "MESH_MAILBOX_PASSWORD": f"{practice['mailbox_id']} password",
    }


def alder(url: str, directory: Path, payload: str = "task") -> Practice:
    """Return the practice that sees the patients."""
    federation = directory / "federation.csv"
    federation.write_text(surgery.FEDERATION, encoding="utf-8")
    return Practice(
        "federated-sender",
        directory / "alder",
        settings(url, ALDER)
        | {
            "PRACTICE_NAME": ALDER["name"],
            "PRACTICE_TOWN": "Carlisle",
            "PRACTICE_TELEPHONE": "01632 960010",
            "FEDERATION_FILE": str(federation),
            "PAYLOAD": payload,
            "OUTBOX_POLL_INTERVAL": "PT1S",
            # the patients were seen five minutes ago; who comes now has half a minute to be deleted
            "SEND_DELAY": "PT30S",
            # one that is answered later closes its alert by itself
            "INFRASTRUCTURE_RESPONSE_WITHIN": "PT5S",
        },
    )


def birch(url: str, directory: Path) -> Practice:
    """Return the practice where the patients are registered."""
    return Practice("registered-receiver", directory / "birch", settings(url, BIRCH))


def show(evening: Evening, facts: judge.Facts, places: dict[str, Path]) -> None:
    """Print what the sender knows, what the practice's worklist shows, and where the documents are."""
    reports, tasks = [], []
    for case in evening.cases:
        for row in judge.reports_of(case, facts.reports):
            answers = [row["infrastructure_code"], row["business_code"]]
            overdue = ", ".join(row["overdue"])
            reports.append([case.name, row["version"], row["state"], *answers, row["reason"], overdue])
            task = judge.task_of(row, facts.tasks)
            if task is not None:
                place = f"{places[task['task_id']].relative_to(evening.directory)}/"
                tasks.append([case.name, task["version"], task["state"], len(task["documents"]), place])
    print(f"\nWhat {ALDER['name']} knows of its reports\n")
    headings = ["consultation", "version", "state", "message", "filing", "reason", "overdue"]
    print(tabulate(reports, headers=headings, tablefmt="simple", disable_numparse=True))
    print(f"\nThe worklist of {BIRCH['name']}\n")
    headings = ["consultation", "version", "task", "documents", "files"]
    print(tabulate(tasks, headers=headings, tablefmt="simple", disable_numparse=True))
    print(f"\nThe PDFs are in {evening.directory / 'tasks'}, the log lines beside them.")


def play(
    directory: Path,
    *,
    broken: bool = False,
    payload: str = "task",
    seconds: int = _MESH_LIVES,
    afterwards: Callable[[Evening], None] = lambda _evening: None,
) -> list[str]:
    """Play the evening in ``directory``; return what is missing at its end.

    ``afterwards`` is called while MESH and both daemons still run; MESH ends by itself after so many ``seconds``.
    """
    documents = write_documents(directory)
    cases = cases_of(payload)
    lost = _RESPONSES[payload] if broken else None
    mesh = LocalMesh.start(surgery.mesh_configuration(cases), directory, lost, seconds)
    running = [mesh.background]
    try:
        evening = Evening(
            mesh,
            alder(mesh.url, directory, payload),
            birch(mesh.url, directory),
            directory,
            documents,
            # what is lost never comes: no use in waiting long
            patience=10 if broken else 45,
            cases=cases,
        )
        evening.open_the_practices()
        running.append(evening.alder.daemon())
        running.append(evening.birch.daemon())
        evening.say(f"both daemons run; the evening surgery has {len(cases)} consultations")
        evening.see_the_patients()
        evening.watch(running)
        facts = evening.facts()
        show(evening, facts, evening.export(facts))
        faults = judge.missing(cases, facts)
        afterwards(evening)
    finally:
        # MESH last: a daemon may be in the middle of something
        ended = [(each.name, each.stop()) for each in reversed(running)]
    return [*faults, *(f"{name} ended with {status} when it was stopped" for name, status in ended if status)]


def main() -> int:
    """Play the evening and judge it; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--break", dest="broken", action="store_true", help="lose every response on its way")
    parser.add_argument("--payload", choices=tuple(_RESPONSES), default="task", help="what is sent (default: task)")
    parser.add_argument("--directory", type=Path, help="an empty directory to work in (default: a new one)")
    chosen = parser.parse_args()
    # told to end, it ends its processes first
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = chosen.directory or Path(tempfile.mkdtemp(prefix="federated-consultation-demo-"))
    try:
        faults = play(directory.resolve(), broken=chosen.broken, payload=chosen.payload)
    except DemoFailed as error:
        faults = [str(error)]
    except KeyboardInterrupt:
        faults = ["it was interrupted"]
    if not faults:
        print("\nEverything is as it must be.")
        return 0
    sys.stdout.flush()
    print("\nNot as it must be:", *(f"  - {fault}" for fault in faults), sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
