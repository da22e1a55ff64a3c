"""How the shop is doing: revenue and the way from registration to order."""

from __future__ import annotations

from typing import Protocol

import msgspec

from atoll.contracts import contract, query
from shop.contracts.values import Money


class Revenue(msgspec.Struct, frozen=True):
    """What confirmed orders brought in on one day (UTC, ISO 8601)."""

    day: str
    orders: int
    revenue: Money


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """How many customers came how far; `cancelled` and `abandoned` are counted by reason."""

    registered: int
    carts: int
    placed: int
    confirmed: int
    cancelled: dict[str, int]
    abandoned: dict[str, int]


class Totals(msgspec.Struct, frozen=True):
    """Orders and revenue of all days, by currency."""

    currency: str
    orders: int
    amount: int


@contract("analytics")
class Analytics(Protocol):
    """Projections of what happened."""

    @query("GET /analytics/revenue", public=True, roles=["admin"])
    async def revenue(self) -> list[Revenue]:
        """Revenue by day, the latest first."""
        ...

    @query("GET /analytics/funnel", public=True, roles=["admin"])
    async def funnel(self) -> Funnel:
        """From registration to order."""
        ...

    @query("GET /ledger/totals")
    async def totals(self) -> list[Totals]:
        """What all days together come to. For checks."""
        ...
