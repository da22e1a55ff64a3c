"""The message queue port: publish, subscribe, close; and what a queue may be able to do beyond that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from atoll.contracts import Message
from atoll.storage.broker_position import BrokerPosition


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
        """Tell the broker that the message is done with; if that is lost on the way, the message comes again."""
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
        """Deliver messages of the event `types` to `handler`, in the order of publication.

        Of the members of `group` one is active and gets them; the others stand by. When the active one stops, dies
        or gives no sign of life for some seconds, another takes over and gets what that one had in hand before
        what is newer. So a key keeps its order also while members come and go; a member that wakes up late may
        work on the same messages as its successor for a while, each of them in order.

        The subscription is durable: what is published while no member is there waits. The first subscription of
        a group also gets what was published before it, as far back as the broker keeps; a type that is added
        later begins where the group stands. Members may know different types, as while versions change: one that comes
        takes no type from those that are there, and the active one that gives back a message of a type that it has
        not subscribed to lets a member go on that has. `handler` is called as its own task for each message, started in
        order, with at most `prefetch` unsettled. A handler that raises leaves its message to be delivered again.
        """
        ...

    async def close(self) -> None:
        """Stop subscriptions and disconnect. Idempotent."""
        ...


@runtime_checkable
class BatchingQueue(Protocol):
    """A queue that may store several messages for the price of one flush to the disk."""

    @property
    def batch(self) -> int:
        """The most messages that go together at present; 1 when the broker cannot do that."""
        ...

    async def publish_together(self, messages: Sequence[Message]) -> None:
        """Return once the broker has stored all of them durably, in their order; at most `batch` of them.

        Raises as `publish` does; then some may be stored, but none without those before it.
        """
        ...


@runtime_checkable
class RecallingQueue(Protocol):
    """A queue that can tell when its broker has lost what it confirmed: wiped, or put back to an older copy."""

    @property
    def connection(self) -> int:
        """A number that changes whenever the store may be another one from now on, as with each connection."""
        ...

    async def position(self) -> BrokerPosition | None:
        """Return a place that everything confirmed over the present connection is before or at; None for nothing.

        Raises MessagingError when that is not known.
        """
        ...

    async def remembers(self, position: BrokerPosition) -> bool:
        """Tell whether the store still has what it had at `position`. Raises MessagingError when that is not known.

        What somebody removed on purpose, by a limit of the store or by name, was not forgotten.
        """
        ...


@runtime_checkable
class ConnectedQueue(Protocol):
    """A queue that can tell whether it has a connection, without asking the broker."""

    @property
    def up(self) -> bool:
        """True while there is a connection, to publish and, once subscribed, to be delivered by."""
        ...
