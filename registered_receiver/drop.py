"""The job that lays each new task into the drop directory, for a clinical system to pick up."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from registered_receiver import drop_folder, drop_queue
from registered_receiver.drop_folder import FolderTaken
from registered_receiver.drop_queue import ClaimedDrop
from registered_receiver.ledger import LeaseLost
from shared.clock import Clock
from shared.db import Database


@dataclass(frozen=True)
class Drop:
    """Lays one task at a time; whatever the directory does, worklist and responses go on."""

    database: Database
    clock: Clock
    directory: Path

    def step(self) -> int:
        """Lay the task that waits longest; return how many were dealt with, 0 when the directory takes none."""
        with self.database.transaction() as session:
            claimed = drop_queue.claim(session, self.clock())
        if claimed is None:
            return 0
        # when the lease was lost, whoever has the task now finds the folder
        with suppress(LeaseLost):
            return self._lay(claimed)
        return 1

    def _lay(self, claimed: ClaimedDrop) -> int:
        try:
            new = drop_folder.lay(self.directory, claimed.task_id, claimed.files)
        except FolderTaken as error:
            self._postpone(claimed, claimed.task_id, str(error))
            return 1
        except OSError as error:
            self._postpone(claimed, drop_queue.DIRECTORY, error.strerror or type(error).__name__)
            return 0
        with self.database.transaction() as session:
            drop_queue.mark_dropped(session, claimed, self.clock(), adopted=not new)
        return 1

    def _postpone(self, claimed: ClaimedDrop, subject_id: str, error: str) -> None:
        with self.database.transaction() as session:
            drop_queue.postpone(session, claimed, subject_id, error, self.clock())
