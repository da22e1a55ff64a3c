"""The command line looks at a running system and talks to it."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atoll.cli import main
from atoll.system import RunningSystem, running
from tests.integration.system.eventually import wait_for
from tests.integration.system.pair import pair

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with asyncio.Runner() as runner:
        block = running(pair, directory=tmp_path_factory.mktemp("cli") / ".atoll")
        started = runner.run(_entered(block))
        yield started
        runner.run(_left(block))


async def _entered(block: object) -> RunningSystem:
    return await block.__aenter__()  # type: ignore[attr-defined,no-any-return]


async def _left(block: object) -> None:
    await block.__aexit__(None, None, None)  # type: ignore[attr-defined]


@pytest.fixture
def atoll(system: RunningSystem, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the system of this module: exit code, output, errors."""

    def run(command: str, *arguments: str) -> tuple[int, str, str]:
        code = main([command, *arguments, "--directory", str(system.directory.root)])
        text = capsys.readouterr()
        assert "Traceback" not in text.err
        return code, text.out, text.err

    return run


def test_a_call_prints_the_reply_as_json(atoll: Run) -> None:
    code, out, _ = atoll("call", "counter.add", "name=json", "by=3")
    assert (code, json.loads(out)) == (0, {"name": "json", "value": 3})


def test_a_problem_is_told_in_one_sentence(atoll: Run) -> None:
    code, out, err = atoll("call", "counter.add", "name=much", "by=101")
    assert (code, out) == (1, "")
    assert err == "atoll: counter.add: Too much (409): Nobody counts that far. [limit=100]\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["counter"], "'counter' is no operation; write CONTRACT.OPERATION"),
        (["counters.add"], "there is no contract 'counters'; there are counter, desk"),
        (["counter.sub"], "counter has no operation 'sub'; it has add, get"),
        (["counter.get"], "counter.get needs name=...; it takes name, least"),
        (["counter.get", "name=a", "least=x"], "counter.get: least='x' does not fit: Expected `int`"),
        (["counter.add", "name=a", "--json", "{"], "counter.add: --json is not a JSON object"),
    ],
)
def test_a_wrong_call_is_told_before_it_is_made(atoll: Run, arguments: list[str], text: str) -> None:
    code, _, err = atoll("call", *arguments)
    assert code == 2
    assert text in err


def test_a_token_that_is_none_is_refused_by_the_service(atoll: Run) -> None:
    code, _, err = atoll("call", "counter.get", "name=a", "--token", "nonsense")
    assert (code, err.startswith("atoll: counter.get: ")) == (1, True)


def test_processes_are_listed(atoll: Run, system: RunningSystem) -> None:
    code, out, _ = atoll("ps")
    assert code == 0
    for name, pid in system.pids.items():
        assert [name, str(pid), "ready"] in [line.split()[:3] for line in out.splitlines()]
    assert max(map(len, out.splitlines())) <= 80


def test_memory_is_told_and_added_up(atoll: Run) -> None:
    _, out, _ = atoll("ps")
    assert "7 processes, " in out
    assert out.rstrip().endswith(" MB in all")


def test_sagas_are_listed_and_told(atoll: Run) -> None:
    assert atoll("call", "desk.tally", "name=saga", "by=400")[0] == 1
    _, out, _ = atoll("sagas", "--service", "desk")
    (row,) = [line.split() for line in out.splitlines() if "compensated" in line]
    code, story, _ = atoll("sagas", "show", row[-1])
    assert code == 0
    told = [line.split()[1] for line in story.splitlines()[1:]]
    assert told == ["started", "first", "second", "turned", "undo", "ended"]


def test_an_unknown_saga_is_told(atoll: Run) -> None:
    assert atoll("sagas", "show", "none") == (1, "", "atoll: no service has a saga none; see: atoll sagas\n")


def test_dead_letters_are_listed(atoll: Run) -> None:
    atoll("call", "counter.add", "name=unspeakable", "by=1")

    def listed() -> str:
        out = atoll("deadletters")[1]
        return out if "it cannot be said" in out else ""

    assert '{"name":"unspeakable","value":1}' in wait_for(listed)


def dead_letters(atoll: Run, key: str, count: int) -> list[str]:
    """Wait until the desk has `count` dead letters with this key; return their ids."""

    def found() -> list[str]:
        lines = atoll("deadletters", "list", "--key", key)[1].splitlines()
        ids = [line.split()[1] for line in lines if line.startswith("desk ")]
        return ids if len(ids) >= count else []

    return wait_for(found)


def test_dead_letters_are_shown_edited_replayed_and_discarded_in_order(atoll: Run) -> None:
    dead_letters(atoll, "unspeakable", 1)
    atoll("call", "counter.add", "name=unspeakable", "by=1")
    first, second = dead_letters(atoll, "unspeakable", 2)
    shown = atoll("deadletters", "show", first)[1]
    assert "ce-subject: unspeakable" in shown
    assert "UndecodableMessage: it cannot be said" in shown
    assert "raise UndecodableMessage(" in shown
    code, _, error = atoll("deadletters", "replay", second)
    assert (code, f"{second} comes after {first}, which has the same key 'unspeakable'" in error) == (1, True)
    code, out, _ = atoll("deadletters", "replay", "--key", "unspeakable")
    assert (code, out.splitlines()[0]) == (1, "desk: 0 handled, 1 failed again")
    assert atoll("deadletters", "edit", first, "--data", '{"name":"spoken","value":"x"}')[2].startswith(
        "atoll: the new data is no Counted: Expected `int`, got `str`"
    )
    assert atoll("deadletters", "edit", first, "--data", '{"name":"spoken","value":5}')[0] == 0
    assert atoll("deadletters", "replay", first)[1].splitlines()[0] == "desk: 1 handled, 1 failed again"
    assert json.loads(atoll("call", "desk.look", "name=spoken")[1])["heard"] == 5
    assert atoll("deadletters", "discard", second, "--reason", "a test")[1] == f"{second} is discarded\n"
    assert atoll("deadletters", "list", "--key", "unspeakable")[1] == "there are no dead letters\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "x"], "no service has a dead letter x; see: atoll deadletters"),
        (["replay", "x"], "no service has a dead letter x; see: atoll deadletters"),
        (["edit", "x", "--data", "{}"], "no service has a dead letter x; see: atoll deadletters"),
        (["discard", "x", "--reason", "y"], "no service has a dead letter x; see: atoll deadletters"),
        (["replay", "--key", "x"], "no service has a dead letter with the key 'x'; see: atoll deadletters"),
        (["replay"], "say which dead letters to replay: an id, or --key KEY, or --all"),
    ],
)
def test_what_cannot_be_done_to_dead_letters_is_told_in_one_sentence(
    atoll: Run, arguments: list[str], sentence: str
) -> None:
    code, _, error = atoll("deadletters", *arguments)
    assert (code in (1, 2), error) == (True, f"atoll: {sentence}\n")


def test_an_editor_changes_a_dead_letter(atoll: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    atoll("call", "counter.add", "name=unspeakable", "by=1")
    [letter] = dead_letters(atoll, "unspeakable", 1)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    assert atoll("deadletters", "edit", letter)[1] == "nothing was changed\n"
    monkeypatch.setenv("EDITOR", "sed -i s/unspeakable/written/")
    assert atoll("deadletters", "edit", letter)[1] == f"changed; now: atoll deadletters replay {letter}\n"
    assert atoll("deadletters", "replay", "--all")[:2] == (0, "desk: 1 handled, 0 failed again\n")


@pytest.mark.parametrize("command", ["sagas", "deadletters"])
def test_an_unknown_service_is_told(atoll: Run, command: str) -> None:
    expected = "atoll: there is no service 'x'; there are counter, desk\n"
    assert atoll(command, "--service", "x") == (2, "", expected)


def test_logs_are_shown(atoll: Run) -> None:
    code, out, _ = atoll("logs", "desk")
    assert code == 0
    assert "is ready at" in out


async def test_logs_are_followed_until_ctrl_c(system: RunningSystem) -> None:
    arguments = ("-m", "atoll.cli", "logs", "counter", "--follow", "-n", "0", "-d", str(system.directory.root))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    reading = asyncio.create_task(process.stdout.readline())
    while not reading.done():
        with system.directory.log("counter").open("a") as log:
            log.write("a new line\n")
        await asyncio.wait((reading,), timeout=0.5)
    assert await reading == b"a new line\n"
    process.send_signal(signal.SIGINT)
    await process.stdout.read()
    assert await process.wait() == 0


def test_an_unknown_system_is_told(atoll: Run) -> None:
    code, _, err = atoll("ps", "--system", "shop")
    assert (code, "shop does not run here" in err) == (1, True)


def test_a_second_start_is_refused(atoll: Run, system: RunningSystem) -> None:
    code, _, err = atoll("up", "tests.integration.system.pair:pair")
    assert code == 1
    assert err.startswith(f"atoll: pair is running already as process {system.pids['supervisor']}; ")


def cpu_seconds(*arguments: str) -> float:
    """What Python takes for this: the least of a few runs, because what else runs on this machine only adds to it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}

    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(run() for _ in range(4))


def test_help_takes_hardly_longer_than_to_import_what_reads_the_command_line() -> None:
    assert cpu_seconds("-m", "atoll.cli", "--help") < 2 * cpu_seconds("-c", "import typer")


def test_help_needs_nothing_heavy() -> None:
    code = "import sys, atoll.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {"asyncio", "rich", "uvicorn", "uvloop", "atoll.system", "atoll.service"}.isdisjoint(loaded)


async def test_up_tells_where_everything_is_and_leaves_nothing(tmp_path: Path) -> None:
    arguments = ("-m", "atoll.cli", "up", "tests.integration.system.pair:pair", "-d", str(tmp_path))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    lines: list[str] = []
    while not (lines and "See also" in lines[-1]):
        lines.append((await process.stdout.readline()).decode())
        assert lines[-1], lines
    process.terminate()
    rest = await process.stdout.read()
    assert (await process.wait(), rest.decode().split()) == (0, ["pair", "is", "stopping", "stopped"])
    assert any(line.split()[:1] == ["Gateway"] for line in lines)
