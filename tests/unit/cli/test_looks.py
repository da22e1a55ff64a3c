"""What is printed fits 80 columns and says what it should."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from atoll.cli.inspection import History, lines_of, table_of_sagas
from atoll.cli.processes import duration, print_whole, table_of
from atoll.cli.telling import Live, PlainLines, show_addresses
from atoll.saga import Decision, SagaRow, StepRow
from atoll.saga.rows import Stuck
from atoll.system import ProcessState, State
from atoll.system.progress import Down, Note, Step, Up

NAMES = ("user", "auth", "inventory", "notification", "analytics")
PROCESSES = tuple(
    ProcessState(
        name=name,
        kind="service",
        pid=100000 + index,
        condition="ready",
        address=f"127.0.0.1:4000{index}",
        started=100.0,
    )
    for index, name in enumerate(NAMES)
)
STATE = State(
    system="shop",
    gateway_url="http://127.0.0.1:8080",
    registry_url="consul://127.0.0.1:40100",
    broker_url="nats://127.0.0.1:40200",
    programs={"cardnet": "http://127.0.0.1:40300"},
    processes=PROCESSES,
)


def saga(**changes: object) -> SagaRow:
    usual = {"id": "3f", "name": "checkout", "status": "compensated", "input": "{}", "owner": "me", "epoch": 1}
    times = {"lease_until": 0.0, "started_at": 10.0, "ended_at": 12.0}
    return SagaRow(**{**usual, **times, **changes})


def printed(what: object, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_addresses_fit_eighty_columns(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=80, soft_wrap=True)
    show_addresses(console, Up(seconds=3.44, state=STATE), tmp_path)
    lines = [each for each in console.file.getvalue().splitlines() if str(tmp_path) not in each]  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "shop is up in 3.4 s" in text
    for address in (
        "http://127.0.0.1:8080",
        "http://127.0.0.1:40100",
        "http://127.0.0.1:40300",
        "http://127.0.0.1:40003",
    ):
        assert address in text


def test_processes_fit_eighty_columns() -> None:
    slow = ProcessState(name="order", kind="service", condition="waiting", restarts=12)
    state = State(system="shop", processes=(*PROCESSES, slow))
    lines = printed(table_of(state, {each.pid: 123_400_000 for each in PROCESSES}, now=100.0 + 90061))
    assert max(len(each.rstrip()) for each in lines) <= 80
    assert lines[1].split() == ["user", "100000", "ready", "127.0.0.1:40000", "0", "123", "MB", "1d", "1h"]
    assert lines[-1].split() == ["order", "-", "waiting", "-", "12", "-", "-"]


def test_a_narrow_terminal_or_a_pipe_cuts_nothing_off_the_processes() -> None:
    console = Console(file=io.StringIO(), width=40)
    whole = table_of(State(system="shop", processes=PROCESSES), {}, now=100.0)
    print_whole(console, whole)
    assert console.file.getvalue().splitlines() == printed(whole)  # type: ignore[attr-defined]


def test_a_process_of_several_services_has_its_memory_counted_once() -> None:
    both = tuple(ProcessState(name=name, kind="service", pid=7, condition="ready") for name in ("a", "b"))
    lines = printed(table_of(State(system="shop", processes=both), {7: 1_000_000}, now=0.0))
    assert [("1 MB" in each) for each in lines[1:]] == [True, False]


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (0.6, "1s"), (59, "59s"), (61, "1m 1s"), (7260, "2h 1m"), (90061, "1d 1h")]
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_pipe_gets_plain_lines(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=80)
    tell = PlainLines(console, tmp_path)
    for record in (
        Step(name="services", done=1, total=2),
        Step(name="services", done=2, total=2),
        Note(text="hm"),
        Down(),
    ):
        tell(record)
    assert console.file.getvalue() == "services: ready (2)\nhm\nstopped\n"  # type: ignore[attr-defined]


def test_a_terminal_gets_bars_that_go_away(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, highlight=False, color_system=None)
    live = Live(console, tmp_path)
    live(Step(name="services", done=1, total=2))
    live(Up(seconds=1.0, state=STATE))
    live.close()
    assert "is up in 1.0 s" in console.file.getvalue()  # type: ignore[attr-defined]


def test_nothing_is_drawn_before_the_first_step(tmp_path: Path) -> None:
    live = Live(Console(file=io.StringIO(), force_terminal=True), tmp_path)
    assert not live._progress.live.is_started
    live.close()


def test_sagas_are_listed_with_outcome_and_time() -> None:
    lines = printed(table_of_sagas([("order", saga())], now=100.0))
    assert lines[1].split() == ["order", "checkout", "compensated", "2s", "3f"]


def story(history: History, now: float = 100.0) -> list[str]:
    return [line for each in lines_of("order", history, now=now) for line in printed(each, 200)]


def test_a_sagas_history_is_told_step_by_step() -> None:
    problem = '{"title":"Out of stock","status":409,"detail":"None left.","sku":"a"}'
    steps = [
        StepRow(name="reserve", kind="step", outcome="done", result='["a"]', attempts=2, time=10.5, seconds=0.02),
        StepRow(name="reserve", kind="undo", outcome="done", attempts=1, time=11.0),
    ]
    lines = story(History(saga=saga(cause=problem, turned_at=10.9), steps=steps))
    assert lines[0] == "order.checkout 3f: compensated, started 1m 30s ago"
    assert lines[2].split() == ["+0.500s", "reserve", "done", "(after", "2", "attempts,", "in", "20", "ms)", '["a"]']
    assert lines[3].endswith("Out of stock (409): None left.")
    assert lines[4].split() == ["+1.000s", "undo", "reserve", "done"]
    assert lines[5].split() == ["+2.000s", "ended", "compensated"]


def test_a_parked_saga_says_what_it_is_stuck_at_and_what_to_do() -> None:
    stuck = Stuck(step="refund", kind="undo", error='{"title":"E","status":500,"detail":"gone"}')
    lines = story(History(saga=saga(status="parked", stuck=stuck), steps=[]))
    assert lines[-2].endswith("parked  E (500): gone")
    assert lines[-1] == "  parked at the undo of refund: atoll sagas retry|skip|resolve 3f"


def test_a_decision_is_told_with_who_and_why() -> None:
    made = Decision(id="d", saga_id="3f", action="skip", step="ship", who="ada", note="sent by hand", time=11.0)
    lines = story(History(saga=saga(), steps=[], decisions=[made]))
    assert lines[2].split() == ["+1.000s", "skip", "ship", "by", "ada:", "sent", "by", "hand"]


def test_a_saga_that_rests_says_what_it_waits_for() -> None:
    lines = story(
        History(saga=saga(status="running", ended_at=None, wake_at=160.0, waits_for="shop.Paid.v1 o1"), steps=[])
    )
    assert lines[-1] == "  waits for shop.Paid.v1 o1, 1m 0s at most"
