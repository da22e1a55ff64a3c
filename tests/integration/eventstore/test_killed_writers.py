"""What was told to be stored is there after kill -9, once and in order, however many appends shared the commit.

`make kills` does it a hundred times on each engine and prints the figures.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from atoll.eventstore import EventStore, NewEvent
from tests.integration.eventstore.kills import ENGINES, Told, all_events, figures, killed

KILLS = 5


@pytest.mark.parametrize("engine", ENGINES)
async def test_each_event_that_was_acknowledged_is_there_once_and_in_order_after_a_kill(
    engine: str, tmp_path: Path, postgres_schema: str
) -> None:
    url = f"sqlite:///{tmp_path}/events.db" if engine == "sqlite" else postgres_schema
    done = await killed(url, KILLS, lambda number, acknowledged: None)
    assert done.good, done


async def test_the_figures_tell_what_is_lost_doubled_and_out_of_order() -> None:
    store = await EventStore.open("memory:")
    appended = await store.append("a", [NewEvent(type="happened") for _ in range(3)])
    first, second, third = await all_events(store)
    told = [Told(appended.position, appended.version, "a", [first.id, second.id, third.id])]
    assert figures(1, told, [first, second, third])[1:] == (3, 3, 0, 0, 0)
    assert figures(1, told, [first, second])[1:] == (3, 2, 1, 0, 0)
    assert figures(1, told, [first, first, second, third])[1:] == (3, 4, 0, 1, 1)
    assert figures(1, told, [second, first, third])[1:] == (3, 3, 0, 0, 3)
    await store.append("b", [NewEvent(type="happened")])
    other = (await all_events(store))[-1]
    assert figures(1, told, [other, first, second, third])[1:] == (3, 4, 0, 0, 1)
    moved = msgspec.structs.replace(third, stream="b", version=1)
    assert figures(1, told, [first, second, moved])[1:] == (3, 3, 0, 0, 1)
