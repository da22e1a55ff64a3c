"""The events of the suite's tests, and how they are read and refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from atoll.eventstore import ConcurrencyConflict, EventStore, Expected, NewEvent, RecordedEvent
from atoll.testing.checks import DEADLINE, equal


def event(kind: str = "happened", *tags: str, data: bytes = b"{}") -> NewEvent:
    """Return an event unlike all others."""
    return NewEvent(type=kind, tags=tags, data=data)


def events(count: int) -> list[NewEvent]:
    """Return events unlike all others, of the types e0, e1, …"""
    return [event(f"e{number}") for number in range(count)]


def ids(these: Sequence[NewEvent | RecordedEvent]) -> list[str]:
    """Return the ids of events, in order."""
    return [each.id for each in these]


async def take(store: EventStore, count: int, **where: Any) -> list[RecordedEvent]:
    """Follow the feed until `count` events have come."""
    found: list[RecordedEvent] = []
    async with asyncio.timeout(DEADLINE):
        async for each in store.subscribe(**where):
            found.append(each)
            if len(found) >= count:
                break
    return found


async def feed(store: EventStore, count: int, **where: Any) -> list[RecordedEvent]:
    """Read the feed, again until it shows `count` events: other work of the server may hold it back."""
    async with asyncio.timeout(DEADLINE):
        while True:
            if len(found := await store.read_all(**where)) >= count:
                return found
            await asyncio.sleep(0.005)


def versions(found: Sequence[RecordedEvent]) -> list[int]:
    """Return the versions of events, in order."""
    return [each.version for each in found]


def kinds(found: Sequence[RecordedEvent]) -> list[str]:
    """Return the types of events, in order."""
    return [each.type for each in found]


async def refused(
    store: EventStore,
    these: list[NewEvent],
    expected: Expected,
    *,
    actual: int,
    kind: type[ConcurrencyConflict] = ConcurrencyConflict,
) -> None:
    """Fail unless the append conflicts with the `actual` version of stream `s`, and leaves it as it was."""
    before = ids(await store.read("s"))
    with pytest.raises(ConcurrencyConflict) as caught:
        await store.append("s", these, expected=expected)
    equal(type(caught.value), kind)
    equal((caught.value.stream, caught.value.expected, caught.value.actual), ("s", expected, actual))
    equal(ids(await store.read("s")), before)
