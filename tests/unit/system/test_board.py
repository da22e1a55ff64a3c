"""What is known of a system is written at every change."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.system import ProcessState, State, StateDirectory
from atoll.system.board import Board

OWN = ProcessState(name="supervisor", kind="supervisor", pid=1)
OTHER = ProcessState(name="order", kind="service", pid=2)


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    made = StateDirectory(tmp_path, "shop")
    made.prepare()
    return made


def test_facts_and_processes_are_written(directory: StateDirectory) -> None:
    board = Board(directory, State(system="shop", processes=(OWN,)))
    board.sources.append(lambda: [OTHER])
    board.know(gateway_url="http://g")
    assert directory.read() == State(system="shop", gateway_url="http://g", processes=(OWN, OTHER))


def test_a_stopped_system_has_no_processes(directory: StateDirectory) -> None:
    board = Board(directory, State(system="shop", processes=(OWN,)))
    board.sources.append(lambda: [OTHER])
    board.become("stopped")
    assert directory.read() == State(system="shop", stage="stopped")


def test_a_disk_that_takes_nothing_stops_nothing(directory: StateDirectory, caplog: pytest.LogCaptureFixture) -> None:
    (directory.path / "state.json.new").mkdir()
    board = Board(directory, State(system="shop"))
    board.become("ready")
    assert board.state.stage == "ready"
    assert "state.json could not be written" in caplog.text
