"""The service that books parcels with carriers and knows where they are."""

from __future__ import annotations

from atoll.core import Clock, new_id
from atoll.service import Service
from atoll.storage import Database
from shop.contracts.shipping import (
    Book,
    Parcel,
    ParcelBooked,
    ParcelCancelled,
    ParcelNotFound,
    Quote,
    Shipping,
)
from shop.services.shipping.domain import accepted, quote_for, tracking_number
from shop.services.shipping.store import ParcelRow, ParcelStore


class ShippingService(Service, Shipping):
    """Parcels as rows."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, clock: Clock) -> None:
        self.store = ParcelStore(db)
        self.clock = clock

    async def quote(self, country: str) -> Quote:
        return quote_for(country)

    async def book(self, request: Book) -> Parcel:
        row = await self.store.of_order(request.order_id)
        if row is None:
            row = await self._book(request)
        return row.parcel(self.clock.now())

    async def cancel(self, parcel_id: str) -> None:
        row = await self.store.cancel(parcel_id)
        if row is not None:
            self.emit(ParcelCancelled(parcel_id=row.id, order_id=row.order_id))

    async def track(self, tracking: str) -> Parcel:
        row = await self.store.by_tracking(tracking)
        if row is None or row.user_id != self.principal.subject:
            raise ParcelNotFound()
        return row.parcel(self.clock.now())

    async def parcel_ledger(self, after: str = "", limit: int = 500) -> list[Parcel]:
        now = self.clock.now()
        return [row.parcel(now) for row in await self.store.page(after, limit)]

    async def _book(self, request: Book) -> ParcelRow:
        quote = accepted(request.address)
        serial = await self.store.next_serial()
        row = ParcelRow(
            id=new_id(),
            order_id=request.order_id,
            user_id=request.user_id,
            serial=serial,
            tracking=tracking_number(serial),
            carrier=quote.carrier,
            booked_at=self.clock.now(),
            max_days=quote.max_days,
        )
        await self.store.add(row)
        self.emit(ParcelBooked(parcel_id=row.id, order_id=row.order_id, tracking=row.tracking, carrier=row.carrier))
        return row
