"""One seed is one course of events; what breaks is told with its seed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

from atoll.core import new_id
from atoll.testing.simulation import Faults, NotReplayable, Simulation, Violation, explore, replay, replays_exactly
from tests.simulation.broken import broken
from tests.simulation.scenario import orders
from tests.simulation.system import Charge, Desk, DeskService

PROGRAM = """
from atoll.testing.simulation import replay
from tests.simulation.broken import broken
from tests.simulation.scenario import orders
print(replay(orders, 7).digest)
"""


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_seed_replays_exactly(seed: int) -> None:
    assert replays_exactly(orders, seed)


def test_seeds_differ() -> None:
    assert len({report.digest for report in explore(orders, range(4))}) == 4


def test_a_seed_takes_the_same_course_in_every_interpreter() -> None:
    assert len({course(hashes) for hashes in ("1", "2")}) == 1


def course(hashes: str) -> str:
    """Return the digest of a seed in a new interpreter, where strings hash as `hashes` says."""
    environ = {**os.environ, "PYTHONHASHSEED": hashes}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True
    ).stdout


def test_what_is_not_the_seed_s_is_told() -> None:
    ids = iter(range(9))

    def leaking(sim: Simulation) -> None:
        sim.trace.add("leak", str(next(ids)))

    with pytest.raises(NotReplayable, match="Clock, new_id"):
        replays_exactly(leaking, 0)


def test_a_violation_names_its_seed_and_each_problem() -> None:
    with pytest.raises(Violation, match="seed 5: two and two are five: it is not so") as caught:
        replay(broken, 5)
    assert caught.value.trace


def test_a_violation_crosses_processes() -> None:
    found = pickle.loads(pickle.dumps(Violation(3, ["one", "two"], ["line"], "digest")))
    assert (found.seed, found.problems, found.trace, found.digest) == (3, ("one", "two"), ("line",), "digest")


def test_without_faults_nothing_is_killed() -> None:
    sim = Simulation(0, faults=Faults.none())
    orders(sim)
    assert sim.run().kills == 0


def test_a_replica_is_killed_on_demand_and_comes_back() -> None:
    sim = Simulation(0, faults=Faults.none())
    sim.service(DeskService)
    sim.actor(lambda: kill(sim))
    assert sim.run().kills == 1


async def kill(sim: Simulation) -> None:
    sim.replica(DeskService).crash(down=3.0)


def test_a_system_that_does_not_come_to_rest_is_told() -> None:
    sim = Simulation(0, faults=Faults.none())
    sim.service(DeskService)  # its saga charges a bank that is not there
    desk = sim.client(Desk)

    async def customer() -> None:
        await sim.insist("k", lambda: desk.order(Charge("", "a", 1)))

    sim.actor(customer)
    with pytest.raises(Violation, match="never got an answer|did not come to rest"):
        sim.run()


def test_an_actor_that_fails_is_told() -> None:
    async def fall() -> None:
        raise ValueError("I fell")

    sim = Simulation(0, faults=Faults.none())
    sim.actor(fall, name="Humpty")
    with pytest.raises(Violation, match=r"seed 0: Humpty failed: ValueError\('I fell'\)"):
        sim.run()


def test_ids_outside_of_a_simulation_are_not_the_seed_s() -> None:
    replay(orders, 0)
    assert new_id() != new_id()
