"""The message queue port: publish, subscribe, close."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from atoll.contracts import Message


class Delivery(Protocol):
    """One message handed over by the broker, to be settled exactly once."""

    @property
    def message(self) -> Message:
        """What was published. Raises UndecodableMessage, holding what could be read, when it is none of ours."""
        ...

    @property
    def attempt(self) -> int:
        """1 for the first delivery; as the broker counts, so only a hint."""
        ...

    async def ack(self) -> None:
        """Tell the broker that the message is done with. Returns when the broker knows."""
        ...

    async def retry(self, after: float) -> None:
        """Give the message back, to be delivered again in no less than `after` seconds."""
        ...

    async def extend(self) -> None:
        """Tell the broker that work goes on, so that it does not deliver to another."""
        ...


Handler = Callable[[Delivery], Awaitable[None]]


class Subscription(Protocol):
    """A running subscription."""

    async def stop(self) -> None:
        """Take no more messages and wait for the handlers in hand. What is unsettled will be delivered again."""
        ...


class MessageQueue(Protocol):
    """A durable broker. At least once: a message may come again, so consumers keep an inbox."""

    async def publish(self, message: Message) -> None:
        """Return once the broker has stored `message` durably. Raises MessagingError when that is not known.

        Publishing the same id again is allowed; the broker may or may not drop the repetition.
        """
        ...

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        """Deliver messages of the event `types` to `handler`, each to one member of `group`.

        The subscription is durable: what is published while no member is there waits. The first subscription of
        a group also gets what was published before it, as far back as the broker keeps; a type that is added
        later begins where the group stands. `handler` is called as its own task for each message, started in the
        order of publication, with at most `prefetch` unsettled. What a lost member had in hand comes before what
        is newer. A handler that raises leaves its message to be delivered again.
        """
        ...

    async def close(self) -> None:
        """Stop subscriptions and disconnect. Idempotent."""
        ...
