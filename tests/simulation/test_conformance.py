"""The simulated database, broker and registry are what their ports say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from atoll.core.hooks import Hooks
from atoll.discovery import Instance, ServiceRegistry
from atoll.messaging import MessageQueue
from atoll.storage import Database
from atoll.testing.database_suite import DatabaseSuite
from atoll.testing.queue_suite import MessageQueueSuite
from atoll.testing.registry_suite import Opening, RegistrationSuite
from atoll.testing.simulation import Faults
from atoll.testing.simulation.broker import SimulatedBroker
from atoll.testing.simulation.database import SimulatedDatabase, SimulatedEngine
from atoll.testing.simulation.faults import Weather
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.network import Network, SimulatedRegistry
from atoll.testing.simulation.queue import SimulatedQueue
from atoll.testing.simulation.trace import Trace


@pytest.fixture
async def loop() -> SimulationLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulationLoop)
    return loop


@pytest.fixture
def weather() -> Weather:
    return Weather(Faults.none(), Random(0))


@pytest.fixture
def trace() -> Trace:
    return Trace(lambda: (0.0, 0))


class TestSimulatedDatabase(DatabaseSuite):
    @pytest.fixture
    async def connect(self, loop: SimulationLoop, weather: Weather, trace: Trace) -> AsyncIterator[object]:
        disk = SimulatedDatabase("things", weather, trace)

        async def connect(hooks: Hooks | None = None) -> Database:
            return await Database.over(SimulatedEngine(disk, loop.world), hooks=hooks)

        yield connect
        disk.close()


class TestSimulatedQueue(MessageQueueSuite):
    """Without `versions`, because all replicas in a simulation run the same code."""

    FEATURES = MessageQueueSuite.ALL - {"versions"}

    @pytest.fixture
    async def connect(self, loop: SimulationLoop, weather: Weather, trace: Trace) -> object:
        broker = SimulatedBroker(loop, weather, trace, hold=self.HOLD)

        async def connect() -> MessageQueue:
            return SimulatedQueue(broker, loop.process("client", Random(0)))

        return connect


class TestSimulatedRegistry(RegistrationSuite):
    @pytest.fixture
    async def opening(self, loop: SimulationLoop, weather: Weather, trace: Trace) -> Opening:
        @asynccontextmanager
        async def opening(*instances: Instance) -> AsyncGenerator[ServiceRegistry]:
            registry = SimulatedRegistry(Network(loop, weather, trace), loop.world)
            for each in instances:
                await registry.register(each)
            yield registry
            await registry.close()

        return opening
