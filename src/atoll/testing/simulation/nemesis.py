"""Who makes things go wrong: kills and stops at the very moment of a hop, and cuts connections in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from atoll.testing.simulation.broker import SimulatedBroker
from atoll.testing.simulation.faults import Weather
from atoll.testing.simulation.network import Network
from atoll.testing.simulation.process import here
from atoll.testing.simulation.unit import Unit


class Nemesis:
    """Strikes as the weather says, until it calms down."""

    def __init__(self, weather: Weather, broker: SimulatedBroker, network: Network, units: Sequence[Unit]) -> None:
        self._weather = weather
        self._broker = broker
        self._network = network
        self._units = {each.name: each for each in units}
        weather.strike = self._strike

    async def run(self) -> None:
        """Do what happens from time to time."""
        faults = self._weather.faults
        async with asyncio.TaskGroup() as group:
            group.create_task(self._each(faults.disconnect_every, self._disconnect))
            group.create_task(self._each(faults.broker_crash_every, self._crash_broker))
            group.create_task(self._each(faults.cut_every, self._cut))

    async def _each(self, mean: float, act: Callable[[], None]) -> None:
        while mean and self._weather.stormy:
            await asyncio.sleep(self._weather.soon(mean))
            if self._weather.stormy:
                act()

    def _strike(self) -> None:
        weather = self._weather
        if not weather.stormy or (unit := self._unit_here()) is None:
            return
        if weather.happens(weather.faults.killed):
            unit.crash(self._down())
        elif weather.happens(weather.faults.stopped):
            unit.stop(weather.chance.random() * weather.faults.stop_seconds)

    def _unit_here(self) -> Unit | None:
        process = here.get(None)
        unit = None if process is None else self._units.get(process.name)
        return unit if unit is not None and unit.process is process else None

    def _disconnect(self) -> None:
        if self._broker.queues:
            self._weather.chance.choice(self._broker.queues).disconnect(self._down())

    def _crash_broker(self) -> None:
        if self._broker.up:
            self._broker.crash(self._down())

    def _cut(self) -> None:
        names = sorted({each.plan.service.name for each in self._units.values()} | {"outside"})
        one, other = self._weather.chance.sample(names, 2)
        self._network.loop.start(self._network.loop.world, self._network.cut_off(one, other, self._down()))

    def _down(self) -> float:
        return self._weather.chance.random() * self._weather.faults.down_seconds
