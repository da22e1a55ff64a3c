"""Order at a takeover on servers before 2.14, which cannot begin again at the first unsettled message."""

from __future__ import annotations

from collections.abc import Iterator

from atoll.messaging.nats.delivery import NatsDelivery


class Gathering:
    """Holds what is delivered until all of it is there that the last member had in hand.

    Such a server delivers that again one by one, as the time of each runs out, and newer messages meanwhile.
    """

    def __init__(self) -> None:
        self._held: dict[int, NatsDelivery] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, delivery: NatsDelivery) -> None:
        """Hold a delivery, the latest of each message."""
        self._held[delivery.place] = delivery

    async def extend(self) -> None:
        """Keep what is held from being delivered again. Raises BrokerUnavailable."""
        for delivery in list(self._held.values()):
            await delivery.extend()

    def in_order(self) -> Iterator[NatsDelivery]:
        """Yield them in the order of publication."""
        for place in sorted(self._held):
            yield self._held[place]
