"""`@on` and `@every`: the methods of a service that no caller names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from atoll.contracts import Event
from atoll.core.errors import DeclarationError

F = TypeVar("F", bound=Callable[..., Any])

EVENTS: Final = "__atoll_on__"
PERIOD: Final = "__atoll_every__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How often a method runs, and whether each replica runs it."""

    seconds: float
    everywhere: bool


def on(*events: type[Event]) -> Callable[[F], F]:
    """Handle each published event of these types, effectively once.

    The method takes the event and, if it has a second parameter, the `Message` it came in. It runs in a unit of
    work together with its inbox row; events with the same key come one after the other, in order. When it
    raises, nothing of it is kept and it is tried again with backoff; after the last try the message is kept as
    a dead letter.
    """
    if not events:
        raise DeclarationError("@on needs at least one event type")

    def mark(function: F) -> F:
        setattr(function, EVENTS, events)
        return function

    return mark


def every(seconds: float, *, everywhere: bool = False) -> Callable[[F], F]:
    """Run the method `seconds` after it has last run in any replica of the service, in a unit of work.

    One replica at a time runs it, under a lease, and which one may change from run to run. When it has run is kept in
    the service's database and committed with what the method writes there: a run cut short by a kill is undone, and
    made up for by whoever is left once the lease has run out (10 s). What is overdue after a stop of all replicas
    runs once, at the start. A service that has never run before waits for one period. What the method does outside of
    the database, such as sending a mail, may be repeated after a kill, as in any unit of work; `self.emit` is not. A
    run that raises is undone and logged, and the next one comes as usual.

    `everywhere`: each replica runs it, `seconds` after its own last run or its start; for what a process keeps to
    itself, such as a cache.
    """
    if seconds <= 0:
        raise DeclarationError(f"@every({seconds}), but a period is more than 0 seconds")

    def mark(function: F) -> F:
        setattr(function, PERIOD, Period(seconds=seconds, everywhere=everywhere))
        return function

    return mark
