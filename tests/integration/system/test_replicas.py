"""Several processes of one service behave as one service."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from atoll.cli import main
from atoll.discovery import open_registry
from atoll.system import RunningSystem, running
from atoll.system.errors import StartFailed
from tests.integration.system.eventually import eventually
from tests.integration.system.http import ask
from tests.integration.system.pair import pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO = ["counter-1", "counter-2"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    async with running(pair, directory=tmp_path_factory.mktemp("replicas"), replicas={"counter": 2}) as started:
        yield started


async def answered(system: RunningSystem, name: str) -> int:
    """How many counts the process called `name` was asked for."""
    state = system.state.process(name)
    assert state
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://{state.address}/metrics")).text
    return sum(int(float(each)) for each in re.findall(r"^http_requests_total\{.*/counts/.*\} (\S+)$", text, re.M))


async def registered(system: RunningSystem) -> list[str]:
    registry = open_registry(system.registry_url)
    try:
        return [each.id for each in await registry.discover("counter")]
    finally:
        await registry.close()


async def test_each_replica_has_a_name_a_process_and_a_registration_of_its_own(system: RunningSystem) -> None:
    assert len({system.pids[name] for name in TWO}) == 2
    assert await registered(system) == TWO
    assert "counter" not in system.pids


async def test_both_answer_what_comes_through_the_gateway_and_from_other_services(system: RunningSystem) -> None:
    before = [await answered(system, name) for name in TWO]
    for number in range(6):
        assert await ask(f"{system.gateway_url}/counts/{number}", {"by": 1})
        assert await ask(f"{system.gateway_url}/desk/{number}")
    after = [await answered(system, name) for name in TWO]
    assert all(now > then for now, then in zip(after, before, strict=True))


async def test_they_have_one_database(system: RunningSystem) -> None:
    values = [(await ask(f"{system.gateway_url}/counts/shared", {"by": 1}))["value"] for _ in range(6)]
    assert values == [1, 2, 3, 4, 5, 6]


async def test_a_killed_one_comes_back_into_its_slot_while_the_other_serves(system: RunningSystem) -> None:
    other = system.pids["counter-1"]
    killed = system.kill("counter-2")
    assert await eventually(lambda: ask(f"{system.gateway_url}/counts/kept"))
    await system.wait_healthy("counter-2")
    assert system.pids["counter-2"] != killed
    assert system.pids["counter-1"] == other
    assert await registered(system) == TWO


async def test_one_that_is_held_stays_away_until_it_is_released(system: RunningSystem) -> None:
    system.hold("counter-2")
    system.kill("counter-2")
    await eventually(lambda: "counter-2" not in system.pids)
    assert await eventually(lambda: ask(f"{system.gateway_url}/counts/alone"))
    await eventually(lambda: registered_alone(system))
    system.release("counter-2")
    await system.wait_healthy("counter-2")


async def registered_alone(system: RunningSystem) -> bool:
    return await registered(system) == ["counter-1"]


async def test_the_command_line_shows_each(system: RunningSystem, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(system.directory.root)
    assert await asyncio.to_thread(main, ["ps", "--directory", root]) == 0
    out = capsys.readouterr().out
    shown = {line.split()[0] for line in out.splitlines() if line}
    assert {*TWO, "desk"} <= shown
    assert "8 processes, " in out
    assert await asyncio.to_thread(main, ["logs", "counter", "--raw", "--directory", root]) == 0
    out = capsys.readouterr().out
    assert '"instance":"1"' in out
    assert '"instance":"2"' in out


@pytest.mark.parametrize(
    ("replicas", "sentence"),
    [
        ({"tally": 2}, "'tally' is no service to replicate; there are counter, desk"),
        ({"greeter": 2}, "'greeter' is a program, and only services have replicas; there are counter, desk"),
        ({"counter": 0}, "counter cannot have 0 replicas; give it 1 to 64"),
    ],
)
async def test_replicas_that_cannot_be_are_told_before_anything_starts(
    tmp_path: Path, replicas: dict[str, int], sentence: str
) -> None:
    with pytest.raises(StartFailed) as caught:
        async with running(pair, directory=tmp_path, replicas=replicas):
            pass
    assert str(caught.value) == sentence
    assert not (tmp_path / "pair").exists()


async def test_replicas_written_wrongly_are_told_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["up", "tests.integration.system.pair:pair", "--replicas"]
    assert await asyncio.to_thread(main, [*command, "counter=many"]) == 2
    assert capsys.readouterr().err == "atoll: 'many' is no number of replicas of counter; write one, as in counter=3\n"
    assert await asyncio.to_thread(main, [*command, "counter=2", "--single"]) == 2
    assert "--single runs all services in one process" in capsys.readouterr().err
