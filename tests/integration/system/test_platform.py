"""A whole system on one machine: it starts, it serves, and it comes back from every kill."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from atoll.system import RunningSystem, running
from atoll.system.errors import StartFailed
from tests.integration.system.eventually import eventually
from tests.integration.system.http import ask
from tests.integration.system.pair import pair

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    async with running(pair, directory=tmp_path_factory.mktemp("pair") / ".atoll") as started:
        yield started


async def counted(system: RunningSystem, name: str) -> bool:
    """Count through the gateway, the database, the broker, the registry and the program."""
    added = await ask(f"{system.gateway_url}/counts/{name}", {"by": 1})
    if not added:
        return False
    sight = await eventually(lambda: ask(f"{system.gateway_url}/desk/{name}"))
    return sight["heard"] == sight["count"] and sight["program"] == "hello from pair"


async def test_services_programs_and_engines_work_together(system: RunningSystem) -> None:
    assert await eventually(lambda: counted(system, "all"))


async def test_every_process_is_known_and_ready(system: RunningSystem) -> None:
    names = {"supervisor", "warm-parent", "nats-server", "envoy", "greeter", "counter", "desk"}
    assert system.pids.keys() == names
    assert {each.condition for each in system.state.processes} == {"ready"}


@pytest.mark.parametrize("name", ["counter", "desk", "greeter", "nats-server", "envoy"])
async def test_what_is_killed_comes_back_and_serves(system: RunningSystem, name: str) -> None:
    before = system.state.process(name)
    killed = system.kill(name)
    await system.wait_healthy(name)
    after = system.state.process(name)
    assert before
    assert after
    assert (after.pid != killed, after.restarts) == (True, before.restarts + 1)
    assert await eventually(lambda: counted(system, f"after-{name}"))


async def test_programs_and_engines_come_back_where_they_were(system: RunningSystem) -> None:
    for name in ("greeter", "nats-server", "envoy"):
        before = system.state.process(name)
        system.kill(name, signal.SIGTERM)
        await system.wait_healthy(name)
        after = system.state.process(name)
        assert before
        assert after
        assert before.address == after.address


async def test_two_systems_run_side_by_side(system: RunningSystem, tmp_path: Path) -> None:
    assert await eventually(lambda: ask(f"{system.gateway_url}/counts/mine", {"by": 3}))
    async with running(pair, directory=tmp_path) as other:
        assert (await eventually(lambda: ask(f"{other.gateway_url}/counts/mine")))["value"] == 0
    assert (await eventually(lambda: ask(f"{system.gateway_url}/counts/mine")))["value"] == 3


async def test_a_system_runs_once_in_one_directory(system: RunningSystem) -> None:
    pid = system.pids["supervisor"]
    with pytest.raises(StartFailed, match=f"pair is running already as process {pid}; stop it"):
        async with running(pair, directory=system.directory.root):
            pass
    assert await eventually(lambda: ask(f"{system.gateway_url}/counts/x"))


async def test_each_process_writes_to_a_log_of_its_own(system: RunningSystem) -> None:
    log = system.directory.log("counter")
    assert log == Path(next(each.log for each in system.state.processes if each.name == "counter"))
    assert '"service":"counter"' in await asyncio.to_thread(log.read_text)
