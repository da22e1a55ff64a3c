"""Every adapter of the ServiceRegistry port passes the published suite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from atoll.discovery import (
    ConsulAgent,
    ConsulRegistry,
    Instance,
    MemoryRegistry,
    ServiceRegistry,
    StaticRegistry,
)
from atoll.discovery.agent.records import CheckDefinition, Outcome
from atoll.testing.registry_suite import HealthSuite, Opening, ServiceRegistrySuite
from tests.integration.discovery.serving import served


class TestStaticRegistry(ServiceRegistrySuite):
    @pytest.fixture
    def opening(self) -> Opening:
        @asynccontextmanager
        async def opening(*instances: Instance) -> AsyncIterator[ServiceRegistry]:
            addresses: dict[str, list[str]] = {}
            for each in instances:
                addresses.setdefault(each.service, []).append(each.address)
            registry = StaticRegistry(addresses)
            yield registry
            await registry.close()

        return opening


class TestMemoryRegistry(HealthSuite):
    @pytest.fixture
    def opening(self) -> Opening:
        @asynccontextmanager
        async def opening(*instances: Instance) -> AsyncIterator[ServiceRegistry]:
            registry = MemoryRegistry()
            for each in instances:
                await registry.register(each)
            yield registry
            await registry.close()

        return opening

    async def fail(self, registry: ServiceRegistry, instance_id: str) -> None:
        assert isinstance(registry, MemoryRegistry)
        registry.mark(instance_id, passing=False)


async def pass_at_once(check: CheckDefinition) -> Outcome:
    """Probe nothing: the suite's instances do not listen anywhere."""
    return Outcome(status="passing", output="")


class TestConsulRegistry(HealthSuite):
    @pytest.fixture
    async def agent(self) -> ConsulAgent:
        return ConsulAgent(probe=pass_at_once)

    @pytest.fixture
    def opening(self, agent: ConsulAgent) -> Opening:
        @asynccontextmanager
        async def opening(*instances: Instance) -> AsyncIterator[ServiceRegistry]:
            async with served(agent) as port:
                registry = ConsulRegistry(f"consul://127.0.0.1:{port}")
                for each in instances:
                    await registry.register(each)
                yield registry
                await registry.close()

        return opening

    @pytest.fixture(autouse=True)
    def _keep_agent(self, agent: ConsulAgent) -> None:
        self.agent = agent

    async def fail(self, registry: ServiceRegistry, instance_id: str) -> None:
        self.agent.fail(instance_id, "the test says so")
