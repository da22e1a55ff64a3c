"""What customers went through, counted while it happens."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts and times, in seconds. `began` and `first_order` are on the monotonic clock."""

    began: float
    customers: int
    signed_in: int = 0
    finished: int = 0
    carts: int = 0
    abandoned: int = 0
    in_checkout: int = 0
    confirmed: int = 0
    cancelled: Counter[str] = field(default_factory=Counter[str])
    lost: Counter[str] = field(default_factory=Counter[str])
    retries: int = 0
    checkout_seconds: list[float] = field(default_factory=list[float])
    first_order: float | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def half_way(self) -> bool:
        """Half of the customers have left."""
        return self.finished >= self.customers / 2

    def enter_checkout(self) -> None:
        """Note that a checkout has been sent."""
        self.in_checkout += 1
        self.change()

    def finish(self) -> None:
        """Note that a customer has left."""
        self.finished += 1
        self.change()

    def change(self) -> None:
        """Wake those who wait in `until`."""
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds; it is looked at after every change."""
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    def confirm(self, seconds: float, now: float) -> None:
        """Note a confirmed order and how long its checkout took."""
        self.confirmed += 1
        self.checkout_seconds.append(seconds)
        if self.first_order is None:
            self.first_order = now - self.began

    def cancel(self, reason: str) -> None:
        """Note an order that came to nothing, as the customer was told."""
        self.cancelled[reason] += 1

    def lose(self, what: str) -> None:
        """Note something that a customer had to give up on."""
        self.lost[what] += 1


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of the values do not exceed; 0 for none (nearest rank)."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))]
