"""What becomes of appends: the rules, without a database.

A batch of writes is decided one after the other on what is known of their streams, and each that is accepted counts for
those after it. What is not known is named in `missing`: look it up and decide again.

The records are structs, which are made in a third of the time of a named tuple: each append needs several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from atoll.eventstore.errors import ConcurrencyConflict, ConditionFailed, EventStoreError, PartialRepeat, StreamDeleted
from atoll.eventstore.events import ANY, Appended, Condition, NewEvent, Position, Presence, StreamAppend
from atoll.eventstore.port import Outcome, Write

Key = tuple[str, str]
"""A tenant and a stream of it."""

Place = Position | int
"""Where an event is: its position, or its index among the rows of the batch."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """A stream's version and whether its last event is a tombstone."""

    version: int
    deleted: bool = False


class Row(msgspec.Struct, frozen=True, gc=False):
    """An event to be inserted."""

    key: Key
    version: int
    event: NewEvent


class Known:
    """What is known: heads of streams, in which versions of them an event id is, how many events match a condition."""

    __slots__ = ("heads", "matching", "places")

    def __init__(self, heads: dict[Key, Head] | None = None) -> None:
        self.heads: dict[Key, Head] = {} if heads is None else heads
        self.places: dict[tuple[Key, str], dict[int, Position]] = {}
        self.matching: dict[tuple[str, Condition], int] = {}


class Missing:
    """What must be looked up."""

    __slots__ = ("heads", "matching", "places")

    def __init__(self) -> None:
        self.heads: set[Key] = set()
        self.places: set[tuple[Key, str]] = set()
        self.matching: set[tuple[str, Condition]] = set()

    def __bool__(self) -> bool:
        return bool(self.heads or self.places or self.matching)


def needed(writes: Sequence[Write]) -> Missing:
    """Return what deciding `writes` will surely ask for."""
    missing = Missing()
    for write in writes:
        for part in write.parts:
            key = (write.tenant, part.stream)
            missing.heads.add(key)
            if isinstance(part.expected, Presence):
                missing.places.update((key, each.id) for each in part.events)
        if write.condition is not None:
            missing.matching.add((write.tenant, write.condition))
    return missing


class _Accepted(msgspec.Struct, frozen=True, gc=False):
    """A part that may be written after `version`."""

    key: Key
    version: int
    part: StreamAppend


class _Done(msgspec.Struct, frozen=True, gc=False):
    """A part whose last event is at `version`: written by this batch, or before."""

    stream: str
    version: int
    place: Place
    repeated: bool = False


_Judged = EventStoreError | _Accepted | _Done


class Batch:
    """Writes, decided. When nothing is `missing`, insert the `rows` in their order and ask for the `outcomes`."""

    def __init__(self, writes: Sequence[Write], known: Known) -> None:
        self.rows: list[Row] = []
        self.missing = Missing()
        self.heads: dict[Key, Head] = {}
        self._known = known
        self._places: dict[tuple[Key, str], dict[int, Place]] = {}
        self._placed = 0
        self._writes = writes
        self._verdicts = [self._verdict(each) for each in writes]

    def outcomes(self, after: Position) -> list[Outcome]:
        """Return what became of each write, given the position that the rows were put after, one by one."""
        return [
            verdict if isinstance(verdict, EventStoreError) else [_appended(each, after) for each in verdict]
            for verdict in self._verdicts
        ]

    def refused(self) -> set[Key]:
        """Return the streams of the writes that are not accepted: right only if what is known of them is."""
        return {
            (write.tenant, part.stream)
            for write, verdict in zip(self._writes, self._verdicts, strict=True)
            if isinstance(verdict, EventStoreError)
            for part in write.parts
        }

    def _verdict(self, write: Write) -> EventStoreError | list[_Done]:
        """Decide a write; while something is missing, what comes of it is not used."""
        if len(write.parts) != 1 or write.condition is not None:
            return self._verdict_on_all(write)
        part = write.parts[0]
        judged = self._judge((write.tenant, part.stream), part)
        if isinstance(judged, EventStoreError):
            return judged
        return [self._accept(judged) if isinstance(judged, _Accepted) else judged]

    def _verdict_on_all(self, write: Write) -> EventStoreError | list[_Done]:
        judged = [self._judge((write.tenant, each.stream), each) for each in write.parts]
        unseen = 0 if write.condition is None else self._unseen(write.tenant, write.condition)
        if self.missing:
            return []
        verdict = _together(judged)
        if isinstance(verdict, EventStoreError):
            return verdict
        if unseen > 0 and any(isinstance(each, _Accepted) for each in verdict):
            return ConditionFailed(unseen)
        return [self._accept(each) if isinstance(each, _Accepted) else each for each in verdict]

    def _judge(self, key: Key, part: StreamAppend) -> _Judged:
        expected, head = part.expected, self.heads.get(key) or self._known.heads.get(key)
        if head is None:
            self.missing.heads.add(key)
            if isinstance(expected, Presence):
                self._repeats(key, part)
            return _Done(part.stream, 0, 0)
        if head.deleted:
            return StreamDeleted(part.stream)
        version = head.version
        if expected == version or (expected is ANY and version == 0):
            return _Accepted(key, version, part)
        if version == 0 or (isinstance(expected, int) and expected > version):
            return ConcurrencyConflict(part.stream, expected, version)
        return self._judge_repeat(key, part, version)

    def _judge_repeat(self, key: Key, part: StreamAppend, version: int) -> _Judged:
        repeats = self._repeats(key, part)
        found = [each for each in repeats if each is not None]
        if len(found) == len(repeats):
            return _Done(part.stream, *found[-1], repeated=True)
        if isinstance(part.expected, int):
            kind = ConcurrencyConflict if repeats[0] is None else PartialRepeat
            return kind(part.stream, part.expected, version)
        return PartialRepeat(part.stream, part.expected, version) if found else _Accepted(key, version, part)

    def _repeats(self, key: Key, part: StreamAppend) -> list[tuple[int, Place] | None]:
        """Return for each event where it stands already: where the expectation puts it, or wherever it is."""
        if isinstance(part.expected, Presence):
            return [_first(self._places_of(key, each.id)) for each in part.events]
        return [
            (version, place) if (place := self._places_of(key, each.id).get(version)) is not None else None
            for version, each in enumerate(part.events, part.expected + 1)
        ]

    def _places_of(self, key: Key, event_id: str) -> Mapping[int, Place]:
        known = self._known.places.get((key, event_id))
        if known is None:
            self.missing.places.add((key, event_id))
            return {}
        return {**known, **self._added().get((key, event_id), {})}

    def _added(self) -> dict[tuple[Key, str], dict[int, Place]]:
        """Return where the events of this batch are; asked for by repetitions only, so most batches never look."""
        for index, row in enumerate(self.rows[self._placed :], self._placed):
            self._places.setdefault((row.key, row.event.id), {})[row.version] = index
        self._placed = len(self.rows)
        return self._places

    def _unseen(self, tenant: str, condition: Condition) -> int:
        count = self._known.matching.get((tenant, condition))
        if count is None:
            self.missing.matching.add((tenant, condition))
            return 0
        mine = (each.event for each in self.rows if each.key[0] == tenant)
        return count + sum(condition.query.matches(each.type, each.tags) for each in mine) - condition.seen

    def _accept(self, accepted: _Accepted) -> _Done:
        key, version, part = accepted.key, accepted.version, accepted.part
        for event in part.events:
            version += 1
            self.rows.append(Row(key, version, event))
        self.heads[key] = Head(version)
        return _Done(part.stream, version, len(self.rows) - 1)


def _together(judged: Sequence[_Judged]) -> EventStoreError | list[_Accepted | _Done]:
    """All parts are written, or all were before; the first that forbids it decides."""
    parts: list[_Accepted | _Done] = []
    for each in judged:
        if isinstance(each, EventStoreError):
            return each
        parts.append(each)
    new = [each for each in parts if isinstance(each, _Accepted)]
    if new and len(new) < len(parts):
        return PartialRepeat(new[0].part.stream, new[0].part.expected, new[0].version)
    return parts


def _first(places: Mapping[int, Place]) -> tuple[int, Place] | None:
    return min(places.items(), key=lambda item: item[0]) if places else None


def _appended(done: _Done, after: Position) -> Appended:
    place = done.place
    position = Position(after.transaction, after.number + 1 + place) if isinstance(place, int) else place
    return Appended(stream=done.stream, version=done.version, position=position, repeated=done.repeated)
