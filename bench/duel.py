"""Two shops at once on one machine, measured in turns."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import on_atoll
from customers import Customers, Round
from peers.handmade import system as by_hand

WARM_UP: Final = 20
ALONE: Final = 4
"""One in so many orders of a round is also measured with one customer alone."""


@dataclass(slots=True)
class Side:
    """One shop, its customers, and what the rounds found: many customers at once, and one alone."""

    customers: Customers
    together: list[Round] = field(default_factory=list)
    alone: list[Round] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.customers.contestant.name

    def names(self, *kinds: str) -> list[str]:
        """Return the processes of these kinds, of all kinds when none is named."""
        return [each.name for each in self.customers.contestant.processes if not kinds or each.kind in kinds]

    def mean_cpu(self, process: str) -> float:
        """Return the milliseconds an order took of one process, over all rounds with many customers."""
        used = sum(each.cpu.get(process, 0.0) for each in self.together)
        return used / sum(each.orders for each in self.together) * 1000


@dataclass(slots=True, kw_only=True)
class Duel:
    """Both shops, and how many orders and customers a round has."""

    atoll: Side
    peer: Side
    orders: int
    concurrency: int

    async def prepare(self) -> None:
        """Open accounts and warm up."""
        for side in (self.atoll, self.peer):
            tell(f"{side.name}: {self.orders} customers open accounts")
            await side.customers.enrol(self.orders)
            await self._checkouts(side, min(WARM_UP, self.orders), seed=0)

    async def rounds(self, count: int) -> None:
        """Measure so many rounds of each; who begins changes every time."""
        for number in range(1, count + 1):
            for side in (self.atoll, self.peer) if number % 2 else (self.peer, self.atoll):
                found = await self._checkouts(side, self.orders, seed=number)
                side.together.append(found)
                tell(f"round {number} of {count}, {side.name}: {found.orders / found.answered:.1f} orders/s")
                side.alone.append(await self._alone(side, seed=-number))

    async def once_more(self, side: Side) -> None:
        """Run a round that does not count, for a profile."""
        await self._checkouts(side, self.orders, seed=0)

    async def _checkouts(self, side: Side, orders: int, *, seed: int) -> Round:
        return await side.customers.round(orders=orders, concurrency=self.concurrency, random=Random(seed))

    async def _alone(self, side: Side, *, seed: int) -> Round:
        orders = max(1, self.orders // ALONE)
        return await side.customers.round(orders=orders, concurrency=1, random=Random(seed))


@asynccontextmanager
async def started(directory: Path, *, orders: int, concurrency: int) -> AsyncGenerator[Duel]:
    """Run both shops with their state below `directory`, and stop them at the end."""
    async with AsyncExitStack() as stack:
        sides: list[Side] = []
        for name, start in (("atoll", on_atoll.running), ("handmade", by_hand.running)):
            tell(f"starting the shop: {name}")
            contestant = await stack.enter_async_context(start(directory / name))
            sides.append(Side(await stack.enter_async_context(Customers(contestant, concurrency=concurrency))))
        yield Duel(atoll=sides[0], peer=sides[1], orders=orders, concurrency=concurrency)
        tell("stopping both")


def tell(line: str) -> None:
    """Tell a person how far it is; the report itself goes to standard output."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
