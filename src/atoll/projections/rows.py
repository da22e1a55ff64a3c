"""The bookkeeping's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from zlib import crc32

import msgspec

from atoll.eventstore import Position, RecordedEvent

State = Literal["building", "live", "retired"]
Decision = Literal["", "retry", "discard"]
Gate = list[list[Position]]


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One build of a view: `version` of its code, in tables of its own.

    While it is `closing`, the live generation before it is not written any more.
    """

    name: str
    generation: int
    version: int
    partitions: int
    state: State
    closing: bool
    gate: Gate
    views: list[str]
    since: float


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of a generation: its checkpoint, who works on it, and what has stopped it.

    `near` tells that nothing was left to be handled when it looked last; `discarded` is the id of an event
    to pass over.
    """

    name: str
    generation: int
    part: int
    position: Position
    near: bool
    closed: bool
    owner: str
    epoch: int
    lease_until: float
    failed_id: str
    failed_at: str
    error: str
    attempts: int
    retry_at: float
    discarded: str


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """An event put aside, because it failed (then it has an `error`) or because it comes behind one that did."""

    seq: int
    name: str
    generation: int
    part: int
    key: str
    event_id: str
    event: RecordedEvent
    error: str
    attempts: int
    decision: Decision
    time: float


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key: the same in every process and version, because checkpoints are kept by it."""
    return crc32(key.encode()) % partitions if partitions > 1 else 0


def is_open(gate: Gate, key: str, position: Position) -> bool:
    """Tell whether the side effects of an event at `position` are still to be had."""
    return all(position > layer[partition_of(key, len(layer))] for layer in gate)


def lowest(parts: Sequence[Part]) -> Position:
    """Return how far all of the partitions are."""
    return min(each.position for each in parts)


def highest(gate: Gate) -> Position:
    """Return the position from which on nothing of `gate` counts any more."""
    return max((position for layer in gate for position in layer), default=Position())
