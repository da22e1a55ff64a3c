"""Every adapter does what a plain list would, over random histories with conflicts, repetitions and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from atoll.eventstore import (
    ANY,
    EVERYTHING,
    STREAM_EXISTS,
    AppendConflict,
    ConcurrencyConflict,
    Condition,
    EventStore,
    EventStoreError,
    Expected,
    NewEvent,
    PartialRepeat,
    Query,
    StreamAppend,
    StreamDeleted,
)
from atoll.eventstore.memory import MemoryEventLog
from atoll.storage import Database

T = TypeVar("T")

STREAMS = st.sampled_from(["a", "b", "c"])
IDS = st.lists(st.sampled_from([f"id{number}" for number in range(9)]), min_size=1, max_size=3, unique=True)
EXPECTED: st.SearchStrategy[Expected] = st.one_of(st.integers(0, 6), st.just(ANY), st.just(STREAM_EXISTS))
TAG = "even"


def made(name: str) -> NewEvent:
    """Return the event of that id; every other one has a tag."""
    return NewEvent(type=name, id=name, tags=(TAG,) if int(name[2:]) % 2 == 0 else ())


class Stored(NamedTuple):
    stream: str
    version: int
    id: str


class Oracle:
    """What a store must be: a list, and the rules of repetition written down a second time."""

    def __init__(self) -> None:
        self.log: list[Stored] = []
        self.hidden: dict[str, int] = {}
        self.deleted: set[str] = set()

    def stream(self, name: str) -> list[str]:
        return [each.id for each in self.log if each.stream == name]

    def shown(self, name: str) -> list[str]:
        return self.stream(name)[self.hidden.get(name, 1) - 1 :]

    def tagged(self) -> list[str]:
        return [each.id for each in self.log if each.id[:2] == "id" and int(each.id[2:]) % 2 == 0]

    def append(self, parts: list[tuple[str, list[str], Expected]], *, unseen: Callable[[], int] = lambda: 0) -> Any:
        verdicts = [self._judge(*each) for each in parts]
        for each in verdicts:
            if isinstance(each, type):
                return each.__name__
        if all(each is not None for each in verdicts):
            return [(version, True) for version in verdicts]
        if any(each is not None for each in verdicts):
            return "PartialRepeat"
        if unseen():
            return "ConditionFailed"
        return [self._add(name, ids) for name, ids, _ in parts]

    def _judge(self, name: str, ids: list[str], expected: Expected) -> int | type[EventStoreError] | None:
        """Return the version of a repetition's last event, None for an append, or what is raised."""
        there = self.stream(name)
        if name in self.deleted:
            return StreamDeleted
        if expected == len(there) or (expected is ANY and not there):
            return None
        if isinstance(expected, int):
            after = there[expected : expected + len(ids)]
            if expected < len(there) and after == ids:
                return expected + len(ids)
            return PartialRepeat if after[:1] == ids[:1] else ConcurrencyConflict
        if not there:
            return ConcurrencyConflict
        known = [each in there for each in ids]
        return there.index(ids[-1]) + 1 if all(known) else PartialRepeat if any(known) else None

    def _add(self, name: str, ids: list[str]) -> tuple[int, bool]:
        for each in ids:
            self.log.append(Stored(name, len(self.stream(name)) + 1, each))
        return len(self.stream(name)), False


class Ground:
    """The stores under test, and the loop they live in."""

    def __init__(self, sqlite: str, postgres: str) -> None:
        self.runner = asyncio.Runner()
        self._urls = (sqlite, postgres)
        self.databases: list[Database] = []
        self.stores: list[EventStore] = []
        self.memory = MemoryEventLog()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def open(self) -> None:
        self.databases = [await Database.open(each) for each in self._urls]
        self.stores = [EventStore(self.memory), *[await EventStore.over(each) for each in self.databases]]

    async def close(self) -> None:
        for store in self.stores:
            await store.close()
        for db in self.databases:
            await db.close()

    async def empty(self) -> None:
        await self.close()
        self.memory = MemoryEventLog()
        await self.open()
        for db in self.databases:
            async with db.transaction("read committed"):
                for table in ("atoll_events", "atoll_event_tags", "atoll_streams"):
                    await db.execute(f"DELETE FROM {table}")
        for store in self.stores[1:]:
            await store.close()
        self.stores[1:] = [await EventStore.over(each) for each in self.databases]


@pytest.fixture
def ground(tmp_path: Path, postgres_schema: str) -> Iterator[Ground]:
    ground = Ground(f"sqlite:///{tmp_path}/events.db", postgres_schema)
    yield ground
    ground.run(ground.close())
    ground.runner.close()


class Histories(RuleBasedStateMachine):
    """One history, told to each store and to the oracle."""

    ground: Ground

    @initialize()
    def begin(self) -> None:
        self.oracle = Oracle()
        self.conditions: list[Condition] = []
        self.selected = 0
        self.ground.run(self.ground.empty())

    @rule(stream=STREAMS, ids=IDS, expected=EXPECTED)
    def append(self, stream: str, ids: list[str], expected: Expected) -> None:
        self._append(stream, ids, expected)

    @rule(stream=STREAMS, first=st.integers(0, 4), count=st.integers(1, 3), more=st.booleans(), anywhere=st.booleans())
    def append_again(self, stream: str, first: int, count: int, more: bool, anywhere: bool) -> None:
        """Repeat what a stream holds from some place on, or that with something new behind it."""
        ids = [each for each in self.oracle.stream(stream)[first : first + count] if each != "$deleted"]
        if ids and len(set(ids)) == len(ids):
            self._append(stream, [*ids, "id99"] if more else ids, ANY if anywhere else first)

    @rule(ids=IDS, other=IDS, expected=EXPECTED)
    def append_to_two_streams(self, ids: list[str], other: list[str], expected: Expected) -> None:
        parts: list[tuple[str, list[str], Expected]] = [("b", ids, expected), ("a", other, ANY)]
        self._same(lambda store: append(store, parts), self.oracle.append(parts))

    @rule(stream=STREAMS, ids=IDS, expected=EXPECTED, commits=st.booleans())
    def append_in_a_unit_of_work(self, stream: str, ids: list[str], expected: Expected, commits: bool) -> None:
        """When it does not commit, its process died."""
        parts = [(stream, ids, expected)]

        async def work(store: EventStore) -> Any:
            db = {1: self.ground.databases[0], 2: self.ground.databases[1]}.get(self.ground.stores.index(store))
            if db is None:
                return await append(store, parts) if commits else None
            try:
                async with db.transaction():
                    outcome = await append(store, parts)
                    if not commits:
                        raise ConnectionAbortedError
            except ConnectionAbortedError:
                return None
            return outcome

        self._same(work, self.oracle.append(parts) if commits else None)

    @rule()
    def select(self) -> None:
        async def selected() -> list[Condition]:
            return [(await store.select(Query.of(tags=[TAG]))).unchanged for store in self.ground.stores]

        self.conditions, self.selected = self.ground.run(selected()), len(self.oracle.tagged())

    @rule(stream=STREAMS, ids=IDS, expected=EXPECTED)
    def append_under_the_condition(self, stream: str, ids: list[str], expected: Expected) -> None:
        if not self.conditions:
            return
        parts = [(stream, ids, expected)]
        stores = self.ground.stores
        self._same(
            lambda store: append(store, parts, self.conditions[stores.index(store)]),
            self.oracle.append(parts, unseen=lambda: len(self.oracle.tagged()) - self.selected),
        )

    @rule(stream=STREAMS, before=st.integers(1, 5))
    def truncate(self, stream: str, before: int) -> None:
        if stream not in self.oracle.deleted:
            self.oracle.hidden[stream] = before
            self._same(lambda store: store.truncate(stream, before=before), None)

    @rule(stream=st.just("c"))
    def delete(self, stream: str) -> None:
        async def work(store: EventStore) -> Any:
            try:
                return (await store.delete(stream)).version
            except StreamDeleted:
                return "StreamDeleted"

        if stream in self.oracle.deleted:
            return self._same(work, "StreamDeleted")
        self.oracle.log.append(Stored(stream, len(self.oracle.stream(stream)) + 1, "$deleted"))
        self.oracle.deleted.add(stream)
        return self._same(work, len(self.oracle.stream(stream)))

    @rule()
    def crash(self) -> None:
        """Everything in memory is lost, but for the store that is nothing else."""

        async def reopened() -> None:
            await self.ground.close()
            await self.ground.open()

        self.ground.run(reopened())

    @invariant()
    def all_hold_the_same(self) -> None:
        if not hasattr(self, "oracle"):
            return
        oracle = self.oracle
        expected = {name: "deleted" if name in oracle.deleted else oracle.shown(name) for name in "abc"}
        log = [(each.stream, each.version, each.id) for each in oracle.log]
        for store in self.ground.stores:
            assert self.ground.run(contents(store)) == (expected, log)

    def _append(self, stream: str, ids: list[str], expected: Expected) -> None:
        parts = [(stream, ids, expected)]
        self._same(lambda store: append(store, parts), self.oracle.append(parts))

    def _same(self, work: Callable[[EventStore], Coroutine[Any, Any, Any]], expected: Any) -> None:
        for store in self.ground.stores:
            assert self.ground.run(work(store)) == expected, type(store.log).__name__


async def append(
    store: EventStore, parts: list[tuple[str, list[str], Expected]], condition: Condition | None = None
) -> Any:
    appends = [StreamAppend(stream, tuple(made(each) for each in ids), expected) for stream, ids, expected in parts]
    try:
        return [(each.version, each.repeated) for each in await store.append_many(appends, condition=condition)]
    except (AppendConflict, StreamDeleted) as error:
        return type(error).__name__


async def contents(store: EventStore) -> Any:
    streams: dict[str, Any] = {}
    for name in "abc":
        try:
            streams[name] = [each.id for each in await store.read(name)]
        except StreamDeleted:
            streams[name] = "deleted"
    everything = (await store.select(EVERYTHING)).events
    kinds = [(e.stream, e.version, e.type if e.type[0] == "$" else e.id) for e in everything]
    assert [each.position for each in everything] == sorted(each.position for each in everything)
    return streams, kinds


def test_every_adapter_does_what_a_plain_list_would(ground: Ground) -> None:
    ground.run(ground.open())
    machine = type("Machine", (Histories,), {"ground": ground})
    run_state_machine_as_test(machine, settings=settings(max_examples=12, stateful_step_count=20))
