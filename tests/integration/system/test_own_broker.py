"""A system on a broker that somebody else runs, and that may be away when a service is started again."""

from __future__ import annotations

from pathlib import Path

import nats

from atoll.messaging.nats.server import NatsServer
from atoll.system import RunningSystem, running
from tests.integration.system.eventually import eventually
from tests.integration.system.http import ask
from tests.integration.system.pair import pair


async def test_a_service_that_is_killed_while_the_broker_is_away_comes_back_and_serves(tmp_path: Path) -> None:
    broker = NatsServer(tmp_path / "nats")
    await broker.start()
    try:
        async with running(pair, directory=tmp_path, environ={"ATOLL_BROKER_URL": broker.url}) as system:
            await broker.stop()
            await killed(system)
            assert (await eventually(lambda: ask(f"{system.gateway_url}/counts/x", {"by": 1})))["value"] == 1
            await broker.start()
            assert await eventually(lambda: heard(system))
    finally:
        await broker.stop()


async def test_a_service_ends_with_the_reason_when_the_broker_comes_back_unusable(tmp_path: Path) -> None:
    broker = NatsServer(tmp_path / "nats")
    await broker.start()
    try:
        async with running(pair, directory=tmp_path, environ={"ATOLL_BROKER_URL": broker.url}) as system:
            await spoil(broker)
            await broker.stop()
            await killed(system)
            restarts = restarts_of_counter(system)
            await broker.start()
            await eventually(lambda: restarts_of_counter(system) > restarts)
            log = system.directory.log("counter").read_text()
    finally:
        await broker.stop()
    assert "the broker that came cannot be used: the stream 'pair' at" in log


async def killed(system: RunningSystem) -> None:
    """Kill the counter, and wait until it is there again."""
    system.kill("counter")
    await system.wait_healthy("counter")


async def heard(system: RunningSystem) -> bool:
    sight = await ask(f"{system.gateway_url}/desk/x")
    return bool(sight) and sight["heard"] == sight["count"] == 1


async def spoil(broker: NatsServer) -> None:
    """Replace the stream by one that drops what was settled."""
    client = await nats.connect(broker.url)
    stream = client.jetstream()
    await stream.delete_stream("pair")
    await stream.add_stream(name="pair", subjects=["pair.>"], retention="workqueue")
    await client.close()


def restarts_of_counter(system: RunningSystem) -> int:
    counter = system.state.process("counter")
    return counter.restarts if counter else 0
