"""The last part of the killing: what is seldom come by is brought about, until enough processes died there, too."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from typing import Final

from tests.chaos.killing import REFUSED, Tally
from tests.chaos.world import RECEIVER, SENDER, World

_KILLED: Final = -signal.SIGKILL
_DAEMONS: Final = (SENDER, RECEIVER)
# what was kept in one round is given out in the next: so many rounds show whatever comes of it
_IN_VAIN: Final = 2
# so many consultations come in each round: one of every kind is likely to be among them
COMING: Final = 20
# of all that a process asks for, more goes wrong than usual
_FAULTS: Final = 0.15
# a process that came by none of its boundaries in this time has nothing left to do
_LIFE: Final = 20.0
# room for a verdict, but not for the documents of every message; and how long a process tries
_PAGES: Final = range(2, 60, 3)
_HUNGER: Final = 6.0
# how long a process works of which no end is wanted
_SPARED: Final = 8.0
# longer than any lease and pause, and than a report is sent before MESH is asked about it
_MEANWHILE: Final = timedelta(hours=1, minutes=10)


class Search:
    """Rounds in which one daemon works at a time, with no more before it than where too few processes died."""

    def __init__(self, world: World, times: int, tally: Tally) -> None:
        self._world, self._times, self._tally = world, times, tally
        self._in_vain = 0

    def is_over(self) -> bool:
        """Say whether enough processes died at every boundary that was ever reached, and rounds show no other."""
        return self._in_vain >= _IN_VAIN and not any(map(self._seldom, _DAEMONS))

    def go_round(self) -> None:
        """Let what is seldom happen: patients of every kind, answers that are late, messages out of reach."""
        known = self._known()
        self._let_seldom_happen()
        self._in_vain = self._in_vain + 1 if self._known() == known else 0

    def _let_seldom_happen(self) -> None:
        self._world.write(COMING)
        self._world.server.share = _FAULTS
        self._world.server.unruly.withhold()
        # nobody answers before the sender has come a second time, and asks MESH what became of its reports
        for daemon in (SENDER, SENDER, RECEIVER):
            self._let_starve(daemon)
            self._let_die(daemon)
            self._world.pass_time(_MEANWHILE)

    def _known(self) -> int:
        return sum(len(self._world.boundaries(daemon)) for daemon in _DAEMONS)

    def _seldom(self, daemon: str) -> list[str]:
        return [name for name, killed in self._world.boundaries(daemon).items() if killed < self._times]

    def _let_starve(self, daemon: str) -> None:
        """Fill the disk under one process where there are files: what it only half did is left to the next one."""
        if self._world.postgresql or not self._seldom(daemon):
            return
        self._tally.handicaps["pages"] += 1
        self._live(daemon, _HUNGER, REFUSED, CHAOS_PAGES=str(self._world.chance.choice(_PAGES)))

    def _let_die(self, daemon: str) -> None:
        """Start one process after the other, until one lives out its time."""
        while wanted := self._seldom(daemon):
            if self._live(daemon, _LIFE, _KILLED, CHAOS_KILL=json.dumps({"names": wanted, "nth": 1})) != _KILLED:
                return
            self._tally.at_boundaries += 1
        # what the other daemon lacks comes of what this one does; and it may come by what nobody has come by yet
        self._live(daemon, _SPARED)

    def _live(self, daemon: str, seconds: float, expected: int | None = None, **environment: str) -> int | None:
        """Let one process work; return what it ended with, None when it was killed after its time."""
        nursery = self._world.nursery
        victim = self._world.start(daemon, "run", **environment)
        status = nursery.wait(victim, seconds)
        if status is None:
            nursery.signal(victim)
            nursery.wait(victim, 10)
            self._tally.at_random += 1
        elif status != expected:
            self._tally.faults.append(f"{daemon} ended by itself with {status}")
        return status
