from __future__ import annotations

import pytest

from atoll.discovery import ConsulAgent
from tests.unit.discovery.agent.web import SERVICE
from tests.unit.discovery.fakes import Client, VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(5_000.0)


@pytest.fixture
def agent(clock: VirtualClock) -> ConsulAgent:
    return ConsulAgent(node="here", clock=clock, random=lambda: 0.0)


@pytest.fixture
def client(agent: ConsulAgent) -> Client:
    return Client(agent)


@pytest.fixture
async def web(client: Client) -> None:
    assert (await client.put("/v1/agent/service/register", SERVICE)).status == 200
