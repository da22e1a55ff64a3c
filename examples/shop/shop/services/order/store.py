"""Orders as streams of events and as a list, carts, and a copy of the prices so that a cart needs no other service."""

from __future__ import annotations

from typing import Final

from atoll.aggregates import Repository
from atoll.eventstore import EventStore
from atoll.projections import Projection, ProjectionBehind, View, projects
from atoll.storage import Database
from shop.contracts.order import Order, OrderCancelled, OrderConfirmed, OrderLine, OrderPage, OrderPlaced
from shop.contracts.values import Money
from shop.services.order.domain import IdleCart, Purchase

_ORDER: Final = "id, user_id, status, lines, total, placed_at, reason, payment_id, tracking"

READ_SECONDS: Final = 1.0
"""How long a customer waits for the latest changes to the list of their orders."""

LEDGER_SECONDS: Final = 5.0
"""How long checks wait, who want all or nothing."""


def purchases_in(events: EventStore) -> Repository[Purchase]:
    """Return the orders. Two events each: they are folded without snapshots."""
    return Repository[Purchase].of(events, Purchase, [OrderPlaced, OrderConfirmed, OrderCancelled], category="order")


class Carts:
    """Carts in the service's database. A cart is there while it has lines."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def know(self, sku: str, name: str, price: Money) -> None:
        await self.db.execute(
            "INSERT INTO products (sku, name, price) VALUES ($1, $2, $3) "
            "ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price = excluded.price",
            sku,
            name,
            price,
        )

    async def reprice(self, sku: str, price: Money) -> None:
        await self.db.execute("UPDATE products SET price = $1 WHERE sku = $2", price, sku)

    async def knows(self, sku: str) -> bool:
        return bool(await self.db.fetch_value("SELECT count(*) FROM products WHERE sku = $1", sku))

    async def lines(self, user_id: str) -> list[OrderLine]:
        """Return what is in a cart at today's prices."""
        return await self.db.fetch_all(
            OrderLine,
            "SELECT sku, name, quantity, price FROM cart_lines JOIN products USING (sku) "
            "WHERE user_id = $1 ORDER BY sku",
            user_id,
        )

    async def put(self, user_id: str, sku: str, quantity: int) -> None:
        await self.db.execute(
            "INSERT INTO cart_lines (user_id, sku, quantity) VALUES ($1, $2, $3) "
            "ON CONFLICT (user_id, sku) DO UPDATE SET quantity = excluded.quantity",
            user_id,
            sku,
            quantity,
        )

    async def put_back(self, user_id: str, sku: str, quantity: int) -> None:
        """Put a product in the cart unless its owner has put it there again meanwhile."""
        await self.db.execute(
            "INSERT INTO cart_lines (user_id, sku, quantity) VALUES ($1, $2, $3) ON CONFLICT (user_id, sku) DO NOTHING",
            user_id,
            sku,
            quantity,
        )

    async def remove(self, user_id: str, sku: str) -> None:
        sql = "DELETE FROM cart_lines WHERE user_id = $1 AND sku = $2"
        await self.db.execute(sql, user_id, sku)

    async def touch(self, user_id: str, *, step: str, reason: str, now: float) -> bool:
        """Note that a cart is in use and how far its owner has come; True when it is a new cart."""
        values = (user_id, step, reason, now)
        added = await self.db.execute(
            "INSERT INTO carts (user_id, step, reason, touched_at) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (user_id) DO NOTHING",
            *values,
        )
        if not added:
            await self.db.execute(
                "UPDATE carts SET step = $2, reason = $3, touched_at = $4, told = 0 WHERE user_id = $1",
                *values,
            )
        return added == 1

    async def clear(self, user_id: str) -> None:
        await self.db.execute("DELETE FROM cart_lines WHERE user_id = $1", user_id)
        await self.db.execute("DELETE FROM carts WHERE user_id = $1", user_id)

    async def idle(self, before: float, limit: int) -> list[IdleCart]:
        """Return carts that were last touched before that time and not yet told of."""
        return await self.db.fetch_all(
            IdleCart,
            "SELECT user_id, step, reason FROM carts WHERE told = 0 AND touched_at < $1 ORDER BY touched_at LIMIT $2",
            before,
            limit,
        )

    async def tell(self, user_id: str) -> bool:
        """Note that a cart was told of; False when it was before."""
        return await self.db.execute("UPDATE carts SET told = 1 WHERE user_id = $1 AND told = 0", user_id) == 1


class Customers:
    """Whose orders are in flight and who orders no more: what streams cannot promise, in the same unit of work."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def begin(self, user_id: str, order_id: str) -> bool:
        """Note that an order is being worked on; False when its customer orders no more."""
        sql = (
            "INSERT INTO in_flight (order_id, user_id) "
            "SELECT CAST($1 AS TEXT), CAST($2 AS TEXT) WHERE NOT EXISTS (SELECT 1 FROM closed WHERE user_id = $2)"
        )
        return await self.db.execute(sql, order_id, user_id) == 1

    async def end(self, order_id: str) -> None:
        """An order is confirmed or cancelled."""
        await self.db.execute("DELETE FROM in_flight WHERE order_id = $1", order_id)

    async def close(self, user_id: str) -> bool:
        """Let a customer order no more; False when an order of theirs is in flight."""
        if await self.db.fetch_value("SELECT count(*) FROM in_flight WHERE user_id = $1", user_id):
            return False
        await self.db.execute("INSERT INTO closed (user_id) VALUES ($1) ON CONFLICT (user_id) DO NOTHING", user_id)
        return True


class OrderList(Projection):
    """The list of orders: a view of their events."""

    tables = """
        CREATE TABLE {orders} (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            status TEXT NOT NULL,
            lines TEXT NOT NULL,
            total TEXT NOT NULL,
            placed_at DOUBLE PRECISION NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            payment_id TEXT NOT NULL DEFAULT '',
            tracking TEXT NOT NULL DEFAULT ''
        );
        CREATE INDEX {orders}_user ON {orders} (user_id, id);
    """

    def __init__(self, db: Database, events: EventStore) -> None:
        self.db, self.events = db, events

    @projects(OrderPlaced)
    async def add(self, event: OrderPlaced, view: View) -> None:
        await view.execute(
            "INSERT INTO {orders} (id, user_id, status, lines, total, placed_at) VALUES ($1, $2, $3, $4, $5, $6)",
            event.order_id,
            event.user_id,
            "placed",
            event.lines,
            event.total,
            event.placed_at,
        )

    @projects(OrderConfirmed)
    async def confirm(self, event: OrderConfirmed, view: View) -> None:
        await view.execute(
            "UPDATE {orders} SET status = 'confirmed', payment_id = $1, tracking = $2 WHERE id = $3",
            event.payment_id,
            event.tracking,
            event.order_id,
        )

    @projects(OrderCancelled)
    async def cancel(self, event: OrderCancelled, view: View) -> None:
        sql = "UPDATE {orders} SET status = 'cancelled', reason = $1 WHERE id = $2"
        await view.execute(sql, event.reason, event.order_id)

    async def of(self, user_id: str, after: str, limit: int) -> OrderPage:
        """Return a customer's orders, up to the last one stored before, or what is there after READ_SECONDS.

        A long transaction anywhere on a PostgreSQL server holds the view up; a customer would rather see an older list.
        """
        try:
            await self._catch_up(READ_SECONDS)
        except ProjectionBehind:
            complete = False
        else:
            complete = True
        sql = f"SELECT {_ORDER} FROM orders WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"
        orders = await self.db.fetch_all(Order, sql, user_id, after, limit)
        return OrderPage(orders=orders, complete=complete)

    async def page(self, after: str, limit: int) -> list[Order]:
        """Return everybody's orders, up to the last one stored before. Raises ProjectionBehind."""
        await self._catch_up(LEDGER_SECONDS)
        sql = f"SELECT {_ORDER} FROM orders WHERE id > $1 ORDER BY id LIMIT $2"
        return await self.db.fetch_all(Order, sql, after, limit)

    async def _catch_up(self, seconds: float) -> None:
        """Let everybody read what they wrote. Raises ProjectionBehind after so many seconds."""
        await self.wait_for(await self.events.end(), seconds)
