"""When checks are probed."""

from collections.abc import AsyncIterator

import pytest

from atoll.discovery.agent.probe import status_of
from atoll.discovery.agent.records import CheckDefinition, Outcome
from atoll.discovery.agent.runner import CheckRunner
from tests.unit.discovery.fakes import VirtualClock, settle

READY = CheckDefinition(id="ready", name="ready", kind="http", interval=10.0)


class World:
    """A runner whose probes always pass at once, with the times at which they ran."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0.0)
        self.times: list[float] = []
        self.reported: list[str] = []
        self.random = 0.5
        self.runner = CheckRunner(
            self.probe, lambda check_id, _: self.reported.append(check_id), clock=self.clock, random=lambda: self.random
        )

    async def probe(self, check: CheckDefinition) -> Outcome:
        self.times.append(self.clock.now())
        return Outcome(status="passing", output="")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.runner.close()


async def test_a_new_check_is_probed_at_once_and_then_at_its_interval(world: World) -> None:
    world.runner.reconcile({"ready": READY})
    await world.clock.advance(25)
    assert world.times == [0, 10, 20]


@pytest.mark.parametrize(("random", "times"), [(0.0, [0, 9, 18]), (1.0, [0, 11, 22])])
async def test_an_interval_varies_by_a_tenth(world: World, random: float, times: list[float]) -> None:
    world.random = random
    world.runner.reconcile({"ready": READY})
    await world.clock.advance(25)
    assert world.times == times


async def test_every_outcome_is_reported(world: World) -> None:
    world.runner.reconcile({"ready": READY})
    await world.clock.advance(10)
    assert world.reported == ["ready", "ready"]


async def test_a_check_that_is_no_longer_wanted_is_not_probed(world: World) -> None:
    world.runner.reconcile({"ready": READY})
    await settle()
    world.runner.reconcile({})
    await world.clock.advance(50)
    assert world.times == [0]


async def test_reconciling_with_the_same_checks_changes_nothing(world: World) -> None:
    world.runner.reconcile({"ready": READY})
    await world.clock.advance(5)
    world.runner.reconcile({"ready": READY})
    await world.clock.advance(5)
    assert world.times == [0, 10]


async def test_a_check_registered_anew_is_probed_at_once(world: World) -> None:
    world.runner.reconcile({"ready": READY})
    await world.clock.advance(5)
    world.runner.reconcile({"ready": CheckDefinition(id="ready", name="ready", kind="http", interval=10.0)})
    await world.clock.advance(1)
    assert world.times == [0, 5]


@pytest.mark.parametrize(
    ("status", "codes"),
    [("passing", [200, 204, 299]), ("warning", [429]), ("critical", [199, 300, 404, 503])],
)
def test_an_http_status_means_what_it_does_in_consul(status: str, codes: list[int]) -> None:
    assert {status_of(code) for code in codes} == {status}
