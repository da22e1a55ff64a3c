"""Parcels."""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.storage import Database
from shop.contracts.shipping import Parcel
from shop.services.shipping.domain import status_at

_COLUMNS: Final = "id, order_id, user_id, serial, tracking, carrier, booked_at, max_days, cancelled"


class ParcelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel as it is kept; where it is follows from the time."""

    id: str
    order_id: str
    user_id: str
    serial: int
    tracking: str
    carrier: str
    booked_at: float
    max_days: int
    cancelled: bool = False

    def parcel(self, now: float) -> Parcel:
        """Return the parcel as it stands at `now`."""
        status = status_at(now, booked_at=self.booked_at, max_days=self.max_days, cancelled=self.cancelled)
        return Parcel(
            id=self.id,
            order_id=self.order_id,
            tracking=self.tracking,
            carrier=self.carrier,
            status=status,
            booked_at=self.booked_at,
            max_days=self.max_days,
        )


class ParcelStore:
    """Parcels in the service's database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def next_serial(self) -> int:
        return int(await self.db.fetch_value("SELECT coalesce(max(serial), 47130000) + 1 FROM parcels"))

    async def add(self, row: ParcelRow) -> None:
        await self.db.execute(
            f"INSERT INTO parcels ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            *msgspec.structs.astuple(row),
        )

    async def cancel(self, parcel_id: str) -> ParcelRow | None:
        """Cancel and return the parcel; None when it is unknown or cancelled already."""
        sql = f"UPDATE parcels SET cancelled = 1 WHERE id = $1 AND cancelled = 0 RETURNING {_COLUMNS}"
        return await self.db.fetch_one(ParcelRow, sql, parcel_id)

    async def of_order(self, order_id: str) -> ParcelRow | None:
        sql = f"SELECT {_COLUMNS} FROM parcels WHERE order_id = $1"
        return await self.db.fetch_one(ParcelRow, sql, order_id)

    async def by_tracking(self, tracking: str) -> ParcelRow | None:
        sql = f"SELECT {_COLUMNS} FROM parcels WHERE tracking = $1"
        return await self.db.fetch_one(ParcelRow, sql, tracking)

    async def page(self, after: str, limit: int) -> list[ParcelRow]:
        sql = f"SELECT {_COLUMNS} FROM parcels WHERE id > $1 ORDER BY id LIMIT $2"
        return await self.db.fetch_all(ParcelRow, sql, after, limit)
