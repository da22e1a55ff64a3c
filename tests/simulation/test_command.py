"""`python -m atoll.testing.simulation`, as people run it."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from rich.console import Console

from atoll.testing.simulation import __main__ as command

BROKEN = "tests.simulation.broken:broken"


def simulate(*arguments: str) -> tuple[int, str]:
    line = [sys.executable, "-m", "atoll.testing.simulation", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout


def test_seeds_that_hold_are_counted() -> None:
    code, text = simulate("tests.simulation.scenario:orders", "--seeds", "2", "--jobs", "2")
    assert code == 0
    assert "2/2" in text
    assert "no violation" in text


@pytest.mark.parametrize("wrong", [("--seeds", "0"), ("--jobs", "0")])
def test_to_run_nothing_is_refused(
    wrong: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["simulate", "tests.simulation.scenario:orders", *wrong])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    assert "--seeds and --jobs must be 1 or more" in capsys.readouterr().err


def test_progress_is_told_in_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LINE_SECONDS", 0.0)
    told = io.StringIO()
    lines = command.Lines(Console(file=told), 20)
    lines.advance(10)
    lines.advance(10)
    assert told.getvalue() == "10 of 20 seeds hold\n20 of 20 seeds hold\n"


def test_a_seed_that_breaks_is_told_with_the_way_to_replay_it() -> None:
    code, text = simulate(BROKEN, "--first", "5", "--seeds", "3", "--jobs", "1")
    assert code == 1
    assert "two and two are five: it is not so" in text
    assert f"python -m atoll.testing.simulation {BROKEN} --seed 5" in text


def test_a_replay_shows_the_last_events() -> None:
    code, text = simulate(BROKEN, "--seed", "5")
    assert code == 1
    assert "desk/0         is ready" in text


def test_a_replay_of_a_seed_that_holds_shows_its_figures() -> None:
    code, text = simulate("tests.simulation.scenario:orders", "--seed", "5")
    assert code == 0
    assert "virtual seconds" in text


def test_a_scenario_that_is_not_there_is_one_sentence() -> None:
    code, text = simulate("tests.simulation.scenario:nothing")
    assert code == 2
    assert text.startswith("there is no scenario 'tests.simulation.scenario:nothing'")
    assert "Traceback" not in text
