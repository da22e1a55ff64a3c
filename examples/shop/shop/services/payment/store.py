"""Payments."""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.storage import Database
from shop.contracts.payment import Payment

_COLUMNS: Final = "id, order_id, amount, method, status, reference"


class PaymentStore:
    """Payments in the service's database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def add(self, payment: Payment) -> None:
        """Add a payment; one that is there already stays as it is."""
        await self.db.execute(
            f"INSERT INTO payments ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
            *msgspec.structs.astuple(payment),
        )

    async def save(self, payment: Payment) -> None:
        sql = "UPDATE payments SET status = $1, reference = $2 WHERE id = $3"
        await self.db.execute(sql, payment.status, payment.reference, payment.id)

    async def get(self, payment_id: str) -> Payment | None:
        sql = f"SELECT {_COLUMNS} FROM payments WHERE id = $1"
        return await self.db.fetch_one(Payment, sql, payment_id)

    async def page(self, after: str, limit: int) -> list[Payment]:
        sql = f"SELECT {_COLUMNS} FROM payments WHERE id > $1 ORDER BY id LIMIT $2"
        return await self.db.fetch_all(Payment, sql, after, limit)
