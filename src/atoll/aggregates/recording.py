"""For aggregates that record what they decide instead of returning it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from atoll.contracts import Event


class Aggregate(Protocol):
    """Anything that folds events: `apply` changes it, or returns what it becomes."""

    def apply(self, event: Any, /) -> Any:
        """Take up one event. Must not decide anything, nor depend on time, chance or anything outside."""
        ...


A = TypeVar("A", bound=Aggregate)

_RECORDED = "__recorded__"


class Recording:
    """A mixin: `self.record(event)` applies an event at once and keeps it for the repository."""

    def record(self: Aggregate, event: Event) -> None:
        """Apply `event` and note it down to be stored."""
        self.apply(event)
        self.__dict__.setdefault(_RECORDED, []).append(event)


def take_recorded(aggregate: object) -> list[Event]:
    """Return what an aggregate has recorded since the last time, in order."""
    recorded: list[Event] = getattr(aggregate, "__dict__", {}).pop(_RECORDED, [])
    return recorded


def folded(aggregate: A, events: Iterable[Event]) -> A:
    """Return the aggregate after these events."""
    for event in events:
        after = aggregate.apply(event)
        if after is not None:
            aggregate = after
    return aggregate
