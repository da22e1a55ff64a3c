"""What messaging tells its observers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from atoll.core.context import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePublished:
    """The broker has confirmed a message of the outbox; `seconds` from sending it to the confirmation."""

    type: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerForgot:
    """The broker's store is another one or went back; so many `messages` of the outbox are published again."""

    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLag:
    """So many `messages` wait in the outbox, the oldest of them for `seconds`; neither is a number when not known."""

    messages: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHandled:
    """One attempt at a message has ended; `seconds` is that attempt, `attempts` how many there were so far.

    `retried` will be tried again; `dead` is kept with the dead letters; `duplicate` had been handled before.
    `trace` is the attempt's own span, that of the context its handler ran in; None when the message has none.
    """

    type: str
    consumer: str
    outcome: Literal["handled", "duplicate", "retried", "dead"]
    seconds: float
    attempts: int
    trace: Trace | None = None
