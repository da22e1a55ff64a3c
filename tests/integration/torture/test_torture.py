"""A system that keeps its promises passes torture, and one with a planted bug does not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from atoll.cli import main
from atoll.torture import Options, Report, WrongTorture, lines_of, torture
from tests.integration.torture.planted import FLEETING_SECONDS, LEASE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

TILL = "tests.integration.torture.till:till"
PLANTED = "tests.integration.torture.planted"
AT_ONCE = 4
"""So many systems run side by side: most of the time of a run is waiting."""

SOUND: dict[str, Any] = {"faults": 12, "seconds": 5.0, "warm_facts": 20, "settle_seconds": 60.0}
BROKEN: dict[str, Any] = {"faults": 2, "seconds": 1.0, "warm_facts": 20, "settle_seconds": 6.0, "tail_seconds": 0.5}
"""What a planted bug has broken does not heal, so there is no need to wait for long. It is hurt where it shows, and
while it is at work: just after its customers were told something."""

TILLS = ["till-1", "till-2"]
Runs = Mapping[str, asyncio.Task[Report]]

SOUND_ONES = (TILL, f"{PLANTED}:brisk")
"""These must hold under the first seed."""

RUNS: dict[str, dict[str, Any]] = {
    TILL: SOUND,
    f"{PLANTED}:early": BROKEN | {"kinds": ["kill"], "only": ["ledger"], "faults": 3, "seconds": 6.0},
    f"{PLANTED}:loose": BROKEN | {"kinds": ["kill"], "only": ["till"]},
    f"{PLANTED}:forgetful": BROKEN | {"kinds": ["duplicate"]},
    f"{PLANTED}:unfenced": BROKEN | {"kinds": ["stop"], "only": TILLS, "faults": 6, "seconds": 3.0, "lease": 3.0},
    f"{PLANTED}:brisk": SOUND | {"kinds": ["down"], "only": TILLS, "faults": 3, "lease": LEASE_SECONDS},
    f"{PLANTED}:hasty": BROKEN | {"kinds": ["kill"], "only": ["till"]},
}


SEEDS = (5, 6, 7)
"""One of these finds a planted bug: when a process dies on a busy machine is not all by the dice of a seed."""


async def tortured(target: str, path: Path, seed: int = SEEDS[0], **options: Any) -> Report:
    return await torture(target, Options(seed=seed, environ={}, **options), directory=path)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runs]:
    """The runs of all systems, under way from the first test on."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(target: str, options: Mapping[str, Any]) -> Report:
        async with turn:
            for seed in SEEDS:
                report = await tortured(target, tmp_path_factory.mktemp("torture"), seed, **options)
                if not report.good or target in SOUND_ONES:
                    break
            return report

    runs = {name.rpartition(":")[2]: asyncio.create_task(one(name, options)) for name, options in RUNS.items()}
    yield runs
    for each in runs.values():
        each.cancel()
    await asyncio.gather(*runs.values(), return_exceptions=True)


async def test_a_directory_of_an_earlier_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "till" / "data").mkdir(parents=True)
    with pytest.raises(WrongTorture, match="holds the data of an earlier run; choose another --directory"):
        await tortured(TILL, tmp_path)


async def test_a_process_that_is_not_there_cannot_be_hurt(tmp_path: Path) -> None:
    with pytest.raises(WrongTorture, match="there is no process 'tilt' to hurt; there are envoy, ledger, till"):
        await tortured(TILL, tmp_path, only=["tilt"])


async def test_the_command_writes_its_report_and_says_that_everything_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, document = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ["--kinds", "kill,duplicate", "--faults", "3", "--seconds", "2", "--seed", "1"]
    command = ["torture", TILL, *arguments, "--html", str(page), "--json", str(document)]
    assert await asyncio.to_thread(main, command) == 0
    assert "0 lost, 0 doubled, 0 stuck: everything holds" in capsys.readouterr().out
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert '"good": true' in document.read_text("utf-8")


async def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "atoll.cli", "torture", TILL, "--directory", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert b"till is up" in await process.stdout.readline()
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert await process.wait() != 0
    assert len(family) >= 5
    assert psutil.wait_procs(family, timeout=5)[1] == []


async def test_a_system_that_keeps_its_promises_passes(run: Runs) -> None:
    report = await run["till"]
    assert report.good, lines_of(report)
    assert (len(report.faults), {each.failure for each in report.faults}) == (12, {""})
    assert report.acknowledged >= 20
    assert sum(each.repeated for each in report.faults) > 0


async def test_an_acknowledgement_before_the_commit_is_found(run: Runs) -> None:
    report = await run["early"]
    assert not report.good
    assert "was heard of, but" in str(report.invariants)


async def test_an_event_outside_of_the_transaction_is_found(run: Runs) -> None:
    report = await run["loose"]
    assert not report.good
    assert "was heard of, but" in str(report.invariants)


async def test_a_message_that_counts_twice_is_found(run: Runs) -> None:
    report = await run["forgetful"]
    assert not report.good
    assert "was heard of, but" in str(report.invariants)


async def test_a_worker_that_writes_on_after_its_lease_is_found(run: Runs) -> None:
    report = await run["unfenced"]
    assert sum(each.lifted - each.began > 2 * FLEETING_SECONDS for each in report.faults) > 3
    assert not report.good
    assert report.doubled


async def test_a_survivor_goes_on_with_a_dead_workers_sagas_within_two_lease_periods(run: Runs) -> None:
    report = await run["brisk"]
    assert report.good, lines_of(report)
    assert report.resumption is not None
    assert (report.resumption.count > 0, report.resumption.missing) == (True, 0)
    assert report.resumption.p99 <= 2 * LEASE_SECONDS


async def test_a_confirmed_sale_that_is_not_there_is_lost(run: Runs) -> None:
    report = await run["hasty"]
    assert not report.good
    assert report.lost
