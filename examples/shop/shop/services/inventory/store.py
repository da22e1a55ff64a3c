"""Stock and reservations."""

from __future__ import annotations

from typing import Final

from atoll.storage import Database
from shop.contracts.inventory import Reservation, ReservationState, StockEntry

_STOCK: Final = "sku, initial, restocked, on_hand, reserved, shipped"
_RESERVATION: Final = "id, order_id, state, lines"


class InventoryStore:
    """Stock and reservations in the service's database, whose checks hold the books as the rules do."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def stock(self, sku: str) -> StockEntry | None:
        return await self.db.fetch_one(StockEntry, f"SELECT {_STOCK} FROM stock WHERE sku = $1", sku)

    async def open(self, stock: StockEntry) -> bool:
        """Begin the books of a SKU; False when it has some."""
        added = await self.db.execute(
            f"INSERT INTO stock ({_STOCK}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (sku) DO NOTHING",
            stock.sku,
            stock.initial,
            stock.restocked,
            stock.on_hand,
            stock.reserved,
            stock.shipped,
        )
        return added == 1

    async def save(self, stock: StockEntry) -> None:
        await self.db.execute(
            "UPDATE stock SET restocked = $1, on_hand = $2, reserved = $3, shipped = $4 WHERE sku = $5",
            stock.restocked,
            stock.on_hand,
            stock.reserved,
            stock.shipped,
            stock.sku,
        )

    async def add_reservation(self, reservation: Reservation) -> None:
        await self.db.execute(
            f"INSERT INTO reservations ({_RESERVATION}) VALUES ($1, $2, $3, $4)",
            reservation.id,
            reservation.order_id,
            reservation.state,
            reservation.lines,
        )

    async def reservation(self, reservation_id: str) -> Reservation | None:
        sql = f"SELECT {_RESERVATION} FROM reservations WHERE id = $1"
        return await self.db.fetch_one(Reservation, sql, reservation_id)

    async def reservation_of(self, order_id: str) -> Reservation | None:
        sql = f"SELECT {_RESERVATION} FROM reservations WHERE order_id = $1"
        return await self.db.fetch_one(Reservation, sql, order_id)

    async def set_state(self, reservation_id: str, state: ReservationState) -> None:
        await self.db.execute("UPDATE reservations SET state = $1 WHERE id = $2", state, reservation_id)

    async def stock_page(self, after: str, limit: int) -> list[StockEntry]:
        sql = f"SELECT {_STOCK} FROM stock WHERE sku > $1 ORDER BY sku LIMIT $2"
        return await self.db.fetch_all(StockEntry, sql, after, limit)

    async def reservation_page(self, after: str, limit: int) -> list[Reservation]:
        sql = f"SELECT {_RESERVATION} FROM reservations WHERE id > $1 ORDER BY id LIMIT $2"
        return await self.db.fetch_all(Reservation, sql, after, limit)
