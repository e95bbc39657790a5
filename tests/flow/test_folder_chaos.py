"""The chaos experiment over the MESH client's folders: real processes, killed before and after changes of files.

What must hold in the end is judged by the checker of the experiment over the API.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.experiment import Experiment, Size
from tests.chaos.killing import Quota
from tests.chaos.nursery import Nursery
from tests.chaos.world import MAILBOXES, RECEIVER, SENDER, World
from tests.fakes.mesh_folders import JavaClient

SEED = 20_261_122
SIZE = Size(18, 3, Quota(kills=8, times=1, longest=2.0, at_least=4), mesh_faults=0, seconds=10, exports=1)
_OF_FILES = ("replace", "fsync", "unlink")


class FolderWorld(World):
    """A world whose daemons know no MESH but folders, and one MESH client for each that always works."""

    @contextmanager
    def open(self, nursery: Nursery | None = None, like: Path | None = None) -> Iterator[FolderWorld]:
        with super().open(nursery, like):
            self._javas = [
                JavaClient(self.server.mesh, mailbox, self.directory / mailbox) for mailbox in MAILBOXES.values()
            ]
            self._working, self._over = threading.Lock(), threading.Event()
            self.broken_clients: list[Exception] = []
            thread = threading.Thread(target=self._work_on)
            thread.start()
            try:
                yield self
            finally:
                self._over.set()
                thread.join(10)

    def _work_on(self) -> None:
        while not self._over.wait(0.05):
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - the test tells of it
                self.broken_clients.append(error)
                return

    def _work(self) -> None:
        with self._working:
            for java in self._javas:
                java.work()

    def environ(self, daemon: str) -> dict[str, str]:
        settings = super().environ(daemon)
        of_the_api = ("MESH_URL", "MESH_MAILBOX_PASSWORD", "MESH_SHARED_KEY")
        settings = {name: value for name, value in settings.items() if name not in of_the_api}
        root = str(self.directory / MAILBOXES[daemon])
        return settings | {"MESH_TRANSPORT": "folder", "MESH_FOLDER": root, "CHAOS_FILES": "1"}

    def run(self, daemon: str, *arguments: str, **more: Any) -> int:
        status = super().run(daemon, *arguments, **more)
        if hasattr(self, "_working"):
            self._work()
        return status

    def boundaries(self, daemon: str) -> Counter[str]:
        """Return those of files alone: at the others the experiment over the API kills."""
        found = super().boundaries(daemon)
        return Counter({name: killed for name, killed in found.items() if name.endswith(_OF_FILES)})

    def left_in_folders(self) -> list[str]:
        """Return what still lies in the folders that must be empty in the end."""
        return [
            f"{java.mailbox_id} {path.parent.name}/{path.name}"
            for java in self._javas
            for folder in ("IN", "OUT", "TEMP", "FAILED")
            for path in (java.root / folder).iterdir()
        ]


def test_killed_at_any_change_of_a_file_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FolderWorld(tmp_path, SEED, people=SIZE.consultations).open() as world:
        experiment = Experiment(world, SIZE)
        world.write(SIZE.undisturbed)
        for daemon in (SENDER, RECEIVER, SENDER):
            world.run(daemon, "once")
        experiment.kill()
        experiment.finish()
        outcome, left = experiment.outcome, world.left_in_folders()

    with capsys.disabled():
        print("", f"folders, seed {SEED}", *outcome.lines(SIZE.quota.times), sep="\n  ")  # noqa: T201
    assert world.broken_clients == []
    assert outcome.faults == []
    assert left == []
    assert outcome.tally.at_boundaries >= 1
    assert all(len(names) >= 6 for names in outcome.boundaries.values())
