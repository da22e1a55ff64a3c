"""The command line shows the events and projections of a running service, and does what an operator asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from atoll.cli import main
from atoll.core import Settings
from atoll.eventstore import EventStore, NewEvent, new_event
from atoll.service import ServiceHost
from atoll.system import ProcessState, State
from atoll.system.directory import StateDirectory
from tests.integration.projections.test_service import ShelfService, Sold

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[ServiceHost[ShelfService]]:
    """A service that is written down as a running system."""
    host = ServiceHost(ShelfService, Settings(database_url=f"sqlite:///{tmp_path}/{{service}}.db"))
    async with AsyncExitStack() as stack:
        await host.start()
        stack.push_async_callback(host.stop)
        directory = StateDirectory(tmp_path / ".atoll", "shelf")
        directory.prepare()
        directory.lock()
        stack.callback(directory.close)
        processes = (ProcessState(name="shelf", kind="service", condition="ready", address=host.address),)
        directory.write(State(system="shelf", registry_url=f"static:shelf={host.address}", processes=processes))
        yield host


@pytest.fixture
def store(host: ServiceHost[ShelfService]) -> EventStore:
    return host.service.store


@pytest.fixture
def atoll(host: ServiceHost[ShelfService], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the system: exit code, output, errors."""

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, [*arguments, "--directory", str(tmp_path / ".atoll")])
        text = capsys.readouterr()
        assert "Traceback" not in text.err
        return code, text.out, text.err

    return run


async def sold(store: EventStore, *amounts: int) -> list[str]:
    """Append sales of pens, and return the ids of the events."""
    events = [new_event(Sold(item="pen", amount=each), tags=["item:pen"]) for each in amounts]
    await store.append("item-pen", events)
    return [each.id for each in events]


async def test_a_stream_is_shown_as_it_is_and_as_it_was_on_a_narrow_terminal(atoll: Run, store: EventStore) -> None:
    await sold(store, 3, 4)
    code, out, _ = await atoll("events", "item-pen")
    assert code == 0
    assert [line.strip() for line in out.splitlines()][1:] == [
        f"{Sold.event_type}  at 1",
        "tags item:pen",
        "item: pen",
        "amount: 3",
        next(line for line in out.splitlines() if line.endswith("#2")),
        f"{Sold.event_type}  at 2",
        "tags item:pen",
        "item: pen",
        "amount: 4",
    ]
    assert max(map(len, out.splitlines())) <= 60
    _, out, _ = await atoll("events", "item-pen", "--at", "1")
    assert ("amount: 3" in out, "amount: 4" in out) == (True, False)


async def test_events_of_all_streams_are_chosen_by_type_tag_and_number(atoll: Run, store: EventStore) -> None:
    await sold(store, 3, 4)
    await store.append("raw", [NewEvent(type="Raw", data=b"not json")])
    _, out, _ = await atoll("events", "--all", "--limit", "2")
    assert ("amount: 3" in out, "amount: 4" in out, "not json" in out) == (False, True, True)
    _, out, _ = await atoll("events", "--all", "--type", "Raw")
    assert ("amount" in out, "not json" in out) == (False, True)
    _, out, _ = await atoll("events", "--all", "--tag", "item:ink")
    assert out == "there are no such events in shelf\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "name a stream, or ask for those of all with --all"),
        (("--all", "--follow", "--at", "2026-01-01"), "what comes next has no past: leave out --at or --follow"),
        (("item-pen", "--at", "soon"), "'soon' is neither a version nor a time; write 7, or 2026-11-22T19:00"),
        (("--all", "--at", "7"), "a version is one of a stream: name the stream, or give a time"),
    ],
)
async def test_what_cannot_be_shown_is_told_in_one_sentence(atoll: Run, arguments: tuple[str, ...], text: str) -> None:
    code, out, err = await atoll("events", *arguments)
    assert code in (1, 2)
    assert (out, err) == ("", f"atoll: {text}\n")


async def test_a_projection_that_has_stopped_is_shown_and_goes_on_when_its_event_is_discarded(
    atoll: Run, host: ServiceHost[ShelfService], store: EventStore
) -> None:
    ids = await sold(store, 3, -1, 4)
    assert host.projections is not None
    async with asyncio.timeout(20):
        while (await host.projections.overview())[0].state != "stopped":
            await host.projections.next_look()
    _, out, _ = await atoll("projections")
    assert out.startswith("shelf totals: stopped, version 1, 2 events behind")
    assert "version 2 of 'item-pen': ValueError: a sale is positive" in out
    _, out, _ = await atoll("projections", "show", "totals")
    assert f"stopped at event {ids[1]} after 1 attempt" in out
    assert (await atoll("projections", "discard", "totals", ids[1]))[0] == 0
    await host.service.totals.wait_for(await store.end())
    assert await host.service.db.fetch_value("SELECT total FROM totals") == 7


async def test_a_projection_is_paused_rebuilt_and_resumed(atoll: Run, host: ServiceHost[ShelfService]) -> None:
    assert (await atoll("projections", "pause", "totals"))[1] == "totals is paused\n"
    _, out, _ = await atoll("projections", "rebuild", "totals")
    assert out == "totals is being rebuilt as generation 2; see: atoll projections\n"
    _, out, _ = await atoll("projections", "list")
    assert out == "shelf totals: paused, version 1, up to date\n  rebuilding as version 1: 0 events to go\n"
    code, _, err = await atoll("projections", "rebuild", "totals")
    assert (code, err) == (1, "atoll: totals is being rebuilt already; wait for its end, or see: atoll projections\n")
    assert (await atoll("projections", "resume", "totals"))[1] == "totals goes on\n"
    code, _, err = await atoll("projections", "retry", "totals")
    assert err == "atoll: totals has nothing that is stopped or parked; see: atoll projections show totals\n"
    code, _, err = await atoll("projections", "pause", "none")
    assert (code, err) == (1, "atoll: no service has a projection none; see: atoll projections\n")
