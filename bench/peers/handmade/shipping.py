"""Parcels."""

from __future__ import annotations

import time
import uuid

from fastapi import HTTPException
from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, mapped_column

from peers.handmade.broker import broker
from peers.handmade.database import Base, sessions
from peers.handmade.messages import Book, Parcel, ParcelBooked
from peers.handmade.service import create_app
from shop.contracts.shipping import CountryNotServed
from shop.services.shipping.domain import quote_for, tracking_number

FIRST_SERIAL = 47_130_001


class ParcelRow(Base):
    __tablename__ = "parcels"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[str]
    serial: Mapped[int] = mapped_column(unique=True)
    tracking: Mapped[str] = mapped_column(unique=True)
    carrier: Mapped[str]
    booked_at: Mapped[float]
    max_days: Mapped[int]


app = create_app("shipping")


@app.post("/parcels", status_code=201)
async def book(request: Book) -> Parcel:
    try:
        quote = quote_for(request.address.country)
    except CountryNotServed as problem:
        raise HTTPException(409, "no carrier delivers there") from problem
    async with sessions.begin() as session:
        serial = (await session.scalar(select(func.max(ParcelRow.serial))) or FIRST_SERIAL) + 1
        row = ParcelRow(
            id=str(uuid.uuid4()),
            order_id=request.order_id,
            user_id=request.user_id,
            serial=serial,
            tracking=tracking_number(serial),
            carrier=quote.carrier,
            booked_at=time.time(),
            max_days=quote.max_days,
        )
        session.add(row)
    await broker.publish(
        ParcelBooked(parcel_id=row.id, order_id=row.order_id, tracking=row.tracking, carrier=row.carrier)
    )
    return Parcel(
        id=row.id,
        order_id=row.order_id,
        tracking=row.tracking,
        carrier=row.carrier,
        status="booked",
        booked_at=row.booked_at,
        max_days=row.max_days,
    )
