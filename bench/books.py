"""Reads from outside, in the services' own files, how far the consequences of orders have come."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from contestant import Failed

POLL_SECONDS: Final = 0.02
QUIET_SECONDS: Final = 0.5
EVENTS_PER_ORDER: Final = 4
"""OrderPlaced, PaymentCaptured, ParcelBooked, OrderConfirmed; each line adds StockReserved and StockShipped."""

_QUERIES: Final = (
    ("audit", "SELECT count(*) FROM entries"),
    ("notification", "SELECT count(*) FROM letters WHERE sent_at IS NOT NULL"),
    ("inventory", "SELECT count(*) FROM reservations WHERE state = 'shipped'"),
    ("analytics", "SELECT coalesce(sum(customers), 0) FROM funnel WHERE stage = 'confirmed'"),
    ("inventory", "SELECT sum(on_hand) FROM stock"),
    ("catalog", "SELECT sum(available) FROM entries"),
)


class NotSettled(Failed):
    """Something that follows from an order did not happen in time."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in the books."""

    events: int
    letters: int
    shipped: int
    confirmed: int
    on_hand: int
    available: int

    def after_carts(self, carts: int) -> Counts:
        """Return what must be there when so many customers have begun a cart."""
        return replace(self, events=self.events + carts)

    def after(self, orders: int, lines: int) -> Counts:
        """Return what must be there when so many orders of so many lines of one piece have been carried out."""
        return Counts(
            self.events + orders * (EVENTS_PER_ORDER + 2 * lines),
            self.letters + orders,
            self.shipped + orders,
            self.confirmed + orders,
            self.on_hand - orders * lines,
            self.available - orders * lines,
        )


class Books:
    """The files of one shop, read without asking its services, so that looking costs them nothing."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def read(self) -> Counts:
        """Return the counts now."""
        return Counts(*(self._number(service, sql) for service, sql in _QUERIES))

    async def quiet(self, timeout: float = 60.0) -> Counts:
        """Return the counts when they have not changed for a moment."""
        until = time.monotonic() + timeout
        before, since = self.read(), time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if time.monotonic() > until:
                raise NotSettled(f"the shop is never quiet: {before}")
            await asyncio.sleep(POLL_SECONDS)
            if (now := self.read()) != before:
                before, since = now, time.monotonic()
        return before

    async def settled(self, wanted: Counts, timeout: float = 60.0) -> None:
        """Return when the books are as `wanted`. Raises NotSettled with what is missing."""
        until = time.monotonic() + timeout
        while (now := self.read()) != wanted:
            if time.monotonic() > until:
                raise NotSettled(f"wanted {wanted}, but there is {now}")
            await asyncio.sleep(POLL_SECONDS)

    def _number(self, service: str, sql: str) -> int:
        with closing(sqlite3.connect(f"file:{self._data / service}.db?mode=ro", uri=True)) as connection:
            return int(connection.execute(sql).fetchone()[0] or 0)
