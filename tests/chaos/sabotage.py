"""The test of the test: small experiments with builds that are broken on purpose (``breakages``)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.chaos.breakages import Breakage
from tests.chaos.experiment import Experiment, Outcome, Size
from tests.chaos.killing import Quota
from tests.chaos.nursery import Nursery
from tests.chaos.world import RECEIVER, SENDER, World

_KILLED = -9
# the first consultations are one of each kind: a sound build has all of them
_SOUND = Size(9, 0, Quota(kills=1, times=1, longest=1.0, at_least=1), mesh_faults=0, seconds=60, exports=2, rounds=4)
_BROKEN = replace(_SOUND, consultations=4, exports=0)
_SEED_OF_BROKEN = 7


def prepare_broken(directory: Path, nursery: Nursery) -> None:
    """Make in ``directory`` the databases with which every broken build begins."""
    with World(directory, _SEED_OF_BROKEN, people=_SOUND.consultations).open(nursery):
        pass


def try_broken(
    directory: Path, breakage: Breakage, nursery: Nursery, prepared: Path, *, sound: bool = False
) -> Outcome:
    """Build a fault in, kill the process where it shows, finish, and return what came of it.

    ``sound``: do the same with nothing built in, and export something at the end.
    """
    size = _SOUND if sound else _BROKEN
    world = World(directory, _SEED_OF_BROKEN, people=size.consultations, broken="" if sound else breakage.name)
    with world.open(nursery, prepared):
        world.server.calm_down()
        experiment = Experiment(world, size)
        world.write(size.consultations)
        if breakage.daemon == RECEIVER:
            world.run(SENDER, "once")
        end = json.dumps({"part": breakage.killed, "nth": breakage.number})
        killed = world.start(breakage.daemon, "once", CHAOS_KILL=end)
        assert nursery.wait(killed, 60) == _KILLED, f"no process came by {breakage.killed}"
        experiment.finish()
        return experiment.outcome
