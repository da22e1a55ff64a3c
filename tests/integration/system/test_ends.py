"""However a system ends, nothing of it is left running, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from atoll.system import RunningSystem, StateDirectory, running
from tests.integration.system.eventually import eventually, gone
from tests.integration.system.http import ask
from tests.integration.system.pair import pair


def all_gone(pids: list[int]) -> bool:
    return all(gone(each) for each in pids)


def family(system: RunningSystem) -> list[int]:
    """Every process below the supervisor, known to it or not."""
    root = psutil.Process(system.pids["supervisor"])
    return [root.pid, *(each.pid for each in root.children(recursive=True))]


async def test_the_end_of_its_block_stops_everything(tmp_path: Path) -> None:
    async with running(pair, directory=tmp_path) as system:
        pids = family(system)
    assert len(pids) == 7
    assert all_gone(pids)
    state = StateDirectory(tmp_path, "pair").read()
    assert (state.stage, state.processes) == ("stopped", ())


async def test_a_terminal_that_is_gone_stops_everything(tmp_path: Path) -> None:
    async with running(pair, directory=tmp_path) as system:
        pids = family(system)
        os.kill(system.pids["supervisor"], signal.SIGHUP)
        await eventually(lambda: all_gone(pids))
        assert system.state.stage == "stopped"


@pytest.mark.parametrize("names", [["warm-parent"], ["supervisor", "warm-parent"]])
async def test_a_killed_warm_parent_leaves_nothing_behind(tmp_path: Path, names: list[str]) -> None:
    async with running(pair, directory=tmp_path) as system:
        pids = family(system)
        for name in names:
            system.kill(name)
        await eventually(lambda: all_gone(pids))
        assert not system.directory.running()


async def test_a_killed_supervisor_leaves_nothing_behind_but_what_it_knew(tmp_path: Path) -> None:
    async with running(pair, directory=tmp_path) as system:
        pids = family(system)
        assert await eventually(lambda: ask(f"{system.gateway_url}/counts/kept", {"by": 7}))
        system.kill("supervisor")
        await eventually(lambda: all_gone(pids))
        assert not system.directory.running()
        async with running(pair, directory=tmp_path) as again:
            assert (await eventually(lambda: ask(f"{again.gateway_url}/counts/kept")))["value"] == 7
            assert await eventually(lambda: _heard(again, 7))


async def _heard(system: RunningSystem, value: int) -> bool:
    sight = await ask(f"{system.gateway_url}/desk/kept")
    return bool(sight) and sight["heard"] == value


async def test_all_services_run_in_one_process_if_wanted(tmp_path: Path) -> None:
    async with running(pair, directory=tmp_path, single=True) as system:
        assert system.pids["counter"] == system.pids["desk"]
        assert await eventually(lambda: ask(f"{system.gateway_url}/desk/x"))
        log = (tmp_path / "pair/logs/services.log").read_text()
        assert '"service":"counter"' in log
        assert '"service":"desk"' in log


async def test_work_in_hand_is_finished_before_a_stop(tmp_path: Path) -> None:
    async with running("tests.integration.system.oddities:slow", directory=tmp_path) as system:
        pids = family(system)
        asking = asyncio.create_task(ask(f"{system.gateway_url}/slow"))
        await eventually(lambda: "at work" in (tmp_path / "slow/logs/sleeper.log").read_text())
        os.kill(system.pids["supervisor"], signal.SIGTERM)
        assert await asking == "rested"
        await eventually(lambda: all_gone(pids))
        assert system.state.stage == "stopped"


async def test_a_second_signal_does_not_wait_for_work_in_hand(tmp_path: Path) -> None:
    async with running("tests.integration.system.oddities:sloth", directory=tmp_path) as system:
        pids = family(system)
        (state,) = [each for each in system.state.processes if each.kind == "service"]
        asking = asyncio.create_task(ask(f"http://{state.address}/slow", timeout=60.0))
        await eventually(lambda: "at work" in (tmp_path / "sloth/logs/sleeper.log").read_text())
        os.kill(system.state.pid, signal.SIGINT)
        await eventually(lambda: system.state.stage == "stopping")
        os.kill(system.state.pid, signal.SIGINT)
        await eventually(lambda: all_gone(pids))
        assert (await asking, system.state.stage) == (None, "stopped")
