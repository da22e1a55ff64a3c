"""A system that keeps its promises passes torture, and one with a planted bug does not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from atoll.cli import main
from atoll.torture import Kind, Options, Report, WrongTorture, lines_of, torture

PLANTED = "tests.integration.torture.planted"
TILL = "tests.integration.torture.till:till"
PLANTED_SECONDS = 6.0
"""What a planted bug has broken does not heal, so there is no need to wait for long."""


async def tortured(target: str, path: Path, **changes: Any) -> Report:
    usual: dict[str, Any] = {"faults": 12, "seed": 5, "seconds": 6.0, "settle_seconds": 60.0, "environ": {}}
    return await torture(target, Options(**(usual | changes)), directory=path)


async def planted(name: str, path: Path, kind: Kind, *only: str) -> Report:
    """A run over a system with a bug that is only hurt where it shows."""
    changes = {"kinds": [kind], "only": only, "faults": 4, "settle_seconds": PLANTED_SECONDS}
    return await tortured(f"{PLANTED}:{name}", path, **changes)


async def test_a_system_that_keeps_its_promises_passes(tmp_path: Path) -> None:
    report = await tortured(TILL, tmp_path)
    assert report.good, lines_of(report)
    assert (len(report.faults), {each.failure for each in report.faults}) == (12, {""})
    assert report.acknowledged > 50
    assert sum(each.repeated for each in report.faults) > 0


async def test_an_acknowledgement_before_the_commit_is_found(tmp_path: Path) -> None:
    report = await planted("early", tmp_path, "kill", "ledger")
    assert not report.good
    assert "was heard of, but" in str(report.invariants)


async def test_an_event_outside_of_the_transaction_is_found(tmp_path: Path) -> None:
    report = await planted("loose", tmp_path, "kill", "till")
    assert not report.good
    assert "was heard of, but" in str(report.invariants)


async def test_a_message_that_counts_twice_is_found(tmp_path: Path) -> None:
    report = await planted("forgetful", tmp_path, "duplicate")
    assert not report.good
    assert "was heard of, but" in str(report.invariants)


async def test_a_confirmed_sale_that_is_not_there_is_lost(tmp_path: Path) -> None:
    report = await planted("hasty", tmp_path, "kill", "till")
    assert not report.good
    assert report.lost


async def test_a_directory_of_an_earlier_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "till" / "data").mkdir(parents=True)
    with pytest.raises(WrongTorture, match="holds the data of an earlier run; choose another --directory"):
        await tortured(TILL, tmp_path)


async def test_a_process_that_is_not_there_cannot_be_hurt(tmp_path: Path) -> None:
    with pytest.raises(WrongTorture, match="there is no process 'tilt' to hurt; there are envoy, ledger, till"):
        await tortured(TILL, tmp_path, only=["tilt"])


def test_the_command_writes_its_report_and_says_that_everything_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, document = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ["--kinds", "kill,duplicate", "--faults", "3", "--seconds", "2", "--seed", "1"]
    assert main(["torture", TILL, *arguments, "--html", str(page), "--json", str(document)]) == 0
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
