"""`@on` and `@every`: the methods of a service that no caller names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from atoll.contracts import Event
from atoll.core.errors import DeclarationError

F = TypeVar("F", bound=Callable[..., Any])

EVENTS: Final = "__atoll_on__"
PERIOD: Final = "__atoll_every__"


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


def every(seconds: float) -> Callable[[F], F]:
    """Run the method each `seconds`, in a unit of work; the first time one period after the start.

    A run that raises is logged, and the next one comes as usual.
    """
    if seconds <= 0:
        raise DeclarationError(f"@every({seconds}), but a period is more than 0 seconds")

    def mark(function: F) -> F:
        setattr(function, PERIOD, seconds)
        return function

    return mark
