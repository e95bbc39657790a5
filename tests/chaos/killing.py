"""The part of an experiment in which processes die: one after the other in each line, and the next one begins."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.nursery import Victim
from tests.chaos.world import World

_KILLED = -signal.SIGKILL
REFUSED = 1
"""What a daemon that finds no database, or no room, at its start ends with; the service manager starts it again."""
# a process that comes by none of its boundaries in this time is killed where it stands
_PATIENCE = 8.0
# this share of the processes dies at a boundary, if there is one left
_AIMED = 0.85


@dataclass(frozen=True)
class Quota:
    """How much killing is enough: ``kills`` in all, each boundary ``times``; a life lasts ``longest`` seconds.

    When time is short ``at_least`` so many.
    """

    kills: int
    times: int
    longest: float
    at_least: int


@dataclass
class Tally:
    """What became of the processes: ended at a boundary, at a random moment, by themselves; and what ailed them."""

    at_boundaries: int = 0
    at_random: int = 0
    began: int = 0
    handicaps: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.at_boundaries + self.at_random


class Line:
    """Processes of one daemon, one after the other, each with its own end before it."""

    def __init__(self, world: World, daemon: str, quota: Quota, tally: Tally, chance: random.Random) -> None:
        self._world, self._daemon, self._quota, self._tally, self._chance = world, daemon, quota, tally, chance
        self._victim: Victim | None = None
        self._may_refuse = False
        self._until = 0.0

    def look(self) -> None:
        """See whether the process is over, and start the next."""
        self._world.nursery.look()
        if self._victim is not None and self._victim.status is None and time.monotonic() < self._until:
            return
        self.end()
        wanted = self._wanted() if self._chance.random() < _AIMED else []
        # not all of them: every process comes by the first ones, and would never reach the others
        wanted = self._chance.sample(wanted, (len(wanted) + 2) // 3)
        life = _PATIENCE if wanted else self._chance.uniform(0.1, self._quota.longest)
        told: dict[str, str] = {}
        if wanted:
            told["CHAOS_KILL"] = json.dumps({"names": wanted, "nth": self._chance.choice((1, 1, 2))})
        else:
            kind, told = self._world.handicap()
            self._tally.handicaps[kind] += kind != "none"
        # the database may be away just now, or the disk full
        self._may_refuse = self._world.restart_database is not None or "CHAOS_BYTES" in told or "CHAOS_PAGES" in told
        self._until = time.monotonic() + life
        self._victim = self._world.start(self._daemon, "run", **told)
        self._tally.began += 1

    def _wanted(self) -> list[str]:
        return [name for name, killed in self._world.boundaries(self._daemon).items() if killed < self._quota.times]

    def end(self) -> None:
        """Count how the process ended; one that did not is killed where it stands."""
        victim, self._victim = self._victim, None
        if victim is None:
            return
        if victim.status is None:
            self._world.nursery.signal(victim)
            self._world.nursery.wait(victim, 10)
            self._tally.at_random += 1
        elif victim.status == _KILLED:
            self._tally.at_boundaries += 1
        elif victim.status != REFUSED or not self._may_refuse:
            self._tally.faults.append(f"{self._daemon} ended by itself with {victim.status}")
