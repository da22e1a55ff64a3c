"""The state directory is held by one, read by many, and never damaged or repaired behind anyone's back."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.system.directory import PARTS, StateDirectory, systems_in
from atoll.system.errors import AlreadyRunning, DamagedState
from atoll.system.state import ProcessState, State


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    made = StateDirectory(tmp_path / ".atoll", "shop")
    made.prepare()
    return made


def test_all_of_it_is_made(directory: StateDirectory) -> None:
    assert all((directory.path / part).is_dir() for part in PARTS)


def test_git_ignores_all_of_it(directory: StateDirectory) -> None:
    assert (directory.root / ".gitignore").read_text() == "*\n"


def test_making_it_again_changes_nothing(directory: StateDirectory) -> None:
    (directory.data / "order.db").write_text("rows")
    directory.prepare()
    assert (directory.data / "order.db").read_text() == "rows"


def test_what_is_written_is_read(directory: StateDirectory) -> None:
    state = State(system="shop", stage="ready", pid=7, processes=(ProcessState(name="order", kind="service"),))
    directory.write(state)
    assert directory.read() == state


def test_before_the_first_run_nothing_runs(tmp_path: Path) -> None:
    unmade = StateDirectory(tmp_path / ".atoll", "shop")
    assert unmade.read() == State(system="shop", stage="stopped")
    assert not unmade.running()


def test_it_runs_while_someone_holds_the_lock(directory: StateDirectory) -> None:
    directory.lock()
    assert directory.running()
    directory.close()
    assert not directory.running()


def test_a_second_holder_is_refused_with_the_pid_of_the_first(directory: StateDirectory) -> None:
    directory.lock()
    directory.write(State(system="shop", pid=1))
    with pytest.raises(AlreadyRunning, match="shop is running already as process 1;"):
        StateDirectory(directory.root, "shop").lock()
    directory.close()


def test_the_last_processes_of_a_killed_system_are_waited_for(directory: StateDirectory) -> None:
    directory.lock()
    second = StateDirectory(directory.root, "shop")
    second.lock(sleep=lambda _: directory.close())
    assert second.running()
    second.close()


def test_waiting_for_the_lock_ends(directory: StateDirectory) -> None:
    directory.lock()
    with pytest.raises(AlreadyRunning, match="shop is running already; stop it"):
        StateDirectory(directory.root, "shop").lock(patience=0)
    directory.close()


@pytest.mark.parametrize("text", ["", "{", '{"system": 7}', "\x00", "[]"])
def test_a_damaged_state_is_told_and_kept(directory: StateDirectory, text: str) -> None:
    (directory.path / "state.json").write_text(text)
    with pytest.raises(DamagedState, match=r"state\.json is damaged .* nothing was deleted: move that file away"):
        directory.prepare()
    assert (directory.path / "state.json").read_text() == text


@pytest.mark.parametrize("part", [".", "shop", "shop/logs", "shop/data", "shop/nats", "shop/envoy"])
def test_a_file_in_place_of_a_directory_is_told_and_kept(tmp_path: Path, part: str) -> None:
    path = tmp_path / ".atoll" / part
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(DamagedState, match="is not a directory, but Atoll keeps its state"):
        StateDirectory(tmp_path / ".atoll", "shop").prepare()
    assert path.read_text() == "mine"


def test_a_directory_in_place_of_the_state_is_told(directory: StateDirectory) -> None:
    (directory.path / "state.json").mkdir()
    with pytest.raises(DamagedState, match=r"state\.json cannot be read"):
        directory.read()


def test_a_directory_in_place_of_the_lock_is_told(directory: StateDirectory) -> None:
    (directory.path / "lock").mkdir()
    with pytest.raises(DamagedState, match="lock cannot be opened"):
        directory.lock()


def test_systems_are_found_by_their_locks(directory: StateDirectory) -> None:
    assert systems_in(directory.root) == []
    directory.lock()
    assert systems_in(directory.root) == ["shop"]
    directory.close()


def test_where_nothing_ever_ran_there_are_no_systems(tmp_path: Path) -> None:
    assert systems_in(tmp_path / ".atoll") == []
