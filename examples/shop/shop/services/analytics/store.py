"""Projections: revenue by day, and how many came how far."""

from __future__ import annotations

from typing import Literal

import msgspec

from atoll.storage import Database
from shop.contracts.analytics import Funnel, Revenue, Totals
from shop.contracts.values import Money

Stage = Literal["registered", "carts", "placed", "confirmed", "cancelled", "abandoned"]


class DayRow(msgspec.Struct, frozen=True):
    """Revenue of one day in one currency."""

    day: str
    currency: str
    orders: int
    amount: int


class StageRow(msgspec.Struct, frozen=True):
    """How many came to a stage of the funnel, for a reason if it has any."""

    stage: Stage
    reason: str
    customers: int


class AnalyticsStore:
    """Projections in the service's database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def earn(self, day: str, total: Money) -> None:
        await self.db.execute(
            "INSERT INTO revenue (day, currency, orders, amount) VALUES ($1, $2, 1, $3) "
            "ON CONFLICT (day, currency) DO UPDATE SET orders = revenue.orders + 1, "
            "amount = revenue.amount + excluded.amount",
            day,
            total.currency,
            total.amount,
        )

    async def advance(self, stage: Stage, reason: str = "") -> None:
        await self.db.execute(
            "INSERT INTO funnel (stage, reason, customers) VALUES ($1, $2, 1) "
            "ON CONFLICT (stage, reason) DO UPDATE SET customers = funnel.customers + 1",
            stage,
            reason,
        )

    async def revenue(self) -> list[Revenue]:
        sql = "SELECT day, currency, orders, amount FROM revenue ORDER BY day DESC, currency LIMIT 366"
        rows = await self.db.fetch_all(DayRow, sql)
        return [Revenue(row.day, row.orders, Money(row.amount, row.currency)) for row in rows]

    async def totals(self) -> list[Totals]:
        sql = (
            "SELECT currency, sum(orders) AS orders, sum(amount) AS amount FROM revenue "
            "GROUP BY currency ORDER BY currency"
        )
        return await self.db.fetch_all(Totals, sql)

    async def funnel(self) -> Funnel:
        rows = await self.db.fetch_all(StageRow, "SELECT stage, reason, customers FROM funnel")
        counts = {(row.stage, row.reason): row.customers for row in rows}
        return Funnel(
            registered=counts.get(("registered", ""), 0),
            carts=counts.get(("carts", ""), 0),
            placed=counts.get(("placed", ""), 0),
            confirmed=counts.get(("confirmed", ""), 0),
            cancelled={row.reason: row.customers for row in rows if row.stage == "cancelled"},
            abandoned={row.reason: row.customers for row in rows if row.stage == "abandoned"},
        )
