"""What the customers of a system do, so that a tool can put it under load and hold it to what it told them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atoll.clients import Clients


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request of a customer. Times are on the monotonic clock; `status` is 0 when no answer came.

    `repeated`: the same was asked before, and its answer was none that settles anything.
    """

    method: str
    path: str
    began: float
    ended: float
    status: int
    repeated: bool = False


class Recorder:
    """Where customers note what they met: `attempts`, what they were told (`acknowledged`), what they gave up on."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.acknowledged: list[str] = []
        self.unanswered: list[str] = []

    def note(self, attempt: Attempt) -> None:
        """Note one request with its answer."""
        self.attempts.append(attempt)

    def acknowledge(self, fact: str) -> None:
        """Note that the system has confirmed `fact`: from now on it must be there, and once."""
        self.acknowledged.append(fact)

    def give_up(self, what: str) -> None:
        """Note that a customer got no final answer to something in all their patience."""
        self.unanswered.append(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a system is for, as code.

    `customers` come through the gateway at the given URL until the event is set, then end what they have begun
    and return. What they do follows from the random source; what they met goes to the recorder. `facts` looks up
    everything of the kind they acknowledge, each as often as it is there. An acknowledged fact that is not there
    is lost; one that is there more than once is doubled.
    """

    customers: Callable[[str, Random, asyncio.Event, Recorder], Coroutine[Any, Any, None]]
    facts: Callable[[Clients], Awaitable[Iterable[str]]]
