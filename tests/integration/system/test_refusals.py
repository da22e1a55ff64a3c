"""What cannot start is told in one sentence, and nothing is left of it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import psutil
import pytest

from atoll.system import StateDirectory, running
from atoll.system.errors import StartFailed
from tests.integration.system.eventually import eventually

ODDITIES = "tests.integration.system.oddities"


async def refused(target: str, directory: Path, **how: object) -> str:
    before = psutil.Process().children(recursive=True)
    with pytest.raises(StartFailed) as caught:
        async with running(target, directory=directory, **how):  # type: ignore[arg-type]
            pass
    assert set(psutil.Process().children(recursive=True)) <= set(before)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


async def test_a_wrong_setting_is_told_by_the_service_that_has_it(tmp_path: Path) -> None:
    said = await refused(f"{ODDITIES}:choosy", tmp_path)
    assert said == "sleeper cannot start: SLEEP_HOURS is not set, but must be 8"


async def test_a_wrong_declaration_is_told_by_the_service_that_has_it(tmp_path: Path) -> None:
    said = await refused(f"{ODDITIES}:lonely", tmp_path)
    assert said.startswith("sleeper cannot start: Lonely(friend) asks for Event, which nobody provides")


async def test_a_service_that_breaks_at_its_start_is_given_up(tmp_path: Path) -> None:
    said = await refused(f"{ODDITIES}:clumsy", tmp_path)
    assert said.startswith("sleeper cannot start: RuntimeError: fell out of bed; ")
    assert said.endswith("sleeper.log")
    assert (tmp_path / "clumsy/logs/sleeper.log").read_text().count("RuntimeError: fell out of bed") == 3


async def test_a_program_that_cannot_run_is_named(tmp_path: Path) -> None:
    assert "cards cannot start: " in await refused(f"{ODDITIES}:programless", tmp_path)


async def test_a_wrong_setting_for_all_is_told_before_anything_starts(tmp_path: Path) -> None:
    said = await refused(f"{ODDITIES}:slow", tmp_path, environ={"ATOLL_DRAIN_SECONDS": "soon"})
    assert said == "ATOLL_DRAIN_SECONDS is 'soon', but must be a number"
    assert not (tmp_path / "slow").exists()


async def test_a_taken_port_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = await refused(f"{ODDITIES}:slow", tmp_path, gateway_port=port)
    assert said == f"port {port} is taken by another process; free it, or choose another with --gateway-port"


async def test_a_damaged_state_is_told_and_kept(tmp_path: Path) -> None:
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow/state.json").write_text("{")
    assert "state.json is damaged" in await refused(f"{ODDITIES}:slow", tmp_path)
    assert (tmp_path / "slow/state.json").read_text() == "{"


async def test_a_damaged_database_is_told_and_kept(tmp_path: Path) -> None:
    (tmp_path / "slow/data").mkdir(parents=True)
    (tmp_path / "slow/data/sleeper.db").write_bytes(b"not a database" * 1000)
    assert "slow cannot start: sleeper: the SQLite database " in await refused(f"{ODDITIES}:slow", tmp_path)
    assert (tmp_path / "slow/data/sleeper.db").read_bytes() == b"not a database" * 1000


async def test_a_start_that_is_called_off_leaves_nothing(tmp_path: Path) -> None:
    starting = asyncio.create_task(refused(f"{ODDITIES}:endless", tmp_path))
    directory = StateDirectory(tmp_path, "endless")
    await eventually(lambda: any(each.name == "sleeper" and each.pid for each in directory.read().processes))
    psutil.Process(directory.read().pid).terminate()
    assert "ended before the system was up" in await starting


async def test_a_start_that_takes_too_long_names_who_is_not_ready(tmp_path: Path) -> None:
    said = await refused(f"{ODDITIES}:endless", tmp_path, start_seconds=2.0)
    assert said.startswith("sleeper did not become ready within 2 s; see ")


async def test_services_that_share_a_database_are_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared.db"
    environ = {"ATOLL_DATABASE_URL": f"sqlite:///{shared}"}
    said = await refused("tests.integration.system.pair:pair", tmp_path, environ=environ)
    assert said == "ATOLL_DATABASE_URL must hold {service}, because each service has a database of its own"
    assert not shared.exists()
