"""Projections: revenue by day, and how many came how far."""

from __future__ import annotations

from typing import Literal

import msgspec

from atoll.projections import Projection, View, projects
from atoll.storage import Database
from shop.contracts.analytics import Funnel, Revenue, Totals
from shop.contracts.order import CartAbandoned, CartStarted, OrderCancelled, OrderConfirmed, OrderPlaced
from shop.contracts.user import UserCreated
from shop.contracts.values import Money
from shop.services.analytics.domain import day_of

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


class Reports(Projection):
    """Revenue and the funnel. Each fact is counted once."""

    tables = """
        CREATE TABLE {revenue} (
            day TEXT NOT NULL,
            currency TEXT NOT NULL,
            orders INTEGER NOT NULL,
            amount BIGINT NOT NULL,
            PRIMARY KEY (day, currency)
        );
        CREATE TABLE {funnel} (
            stage TEXT NOT NULL,
            reason TEXT NOT NULL,
            customers INTEGER NOT NULL,
            PRIMARY KEY (stage, reason)
        );
    """

    def __init__(self, db: Database) -> None:
        self.db = db

    @projects(UserCreated)
    async def count_registration(self, event: UserCreated, view: View) -> None:
        await _advance(view, "registered")

    @projects(CartStarted)
    async def count_cart(self, event: CartStarted, view: View) -> None:
        await _advance(view, "carts")

    @projects(CartAbandoned)
    async def count_abandoned(self, event: CartAbandoned, view: View) -> None:
        await _advance(view, "abandoned", f"{event.step}: {event.reason}")

    @projects(OrderPlaced)
    async def count_placed(self, event: OrderPlaced, view: View) -> None:
        await _advance(view, "placed")

    @projects(OrderCancelled)
    async def count_cancelled(self, event: OrderCancelled, view: View) -> None:
        await _advance(view, "cancelled", event.reason)

    @projects(OrderConfirmed)
    async def count_confirmed(self, event: OrderConfirmed, view: View) -> None:
        await _advance(view, "confirmed")
        await view.execute(
            "INSERT INTO {revenue} AS r (day, currency, orders, amount) VALUES ($1, $2, 1, $3) "
            "ON CONFLICT (day, currency) DO UPDATE SET orders = r.orders + 1, amount = r.amount + excluded.amount",
            day_of(view.recorded.metadata["time"]),
            event.total.currency,
            event.total.amount,
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


async def _advance(view: View, stage: Stage, reason: str = "") -> None:
    await view.execute(
        "INSERT INTO {funnel} AS f (stage, reason, customers) VALUES ($1, $2, 1) "
        "ON CONFLICT (stage, reason) DO UPDATE SET customers = f.customers + 1",
        stage,
        reason,
    )
