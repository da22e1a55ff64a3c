"""Stock and reservations. One statement takes stock, so two orders never take the same."""

from __future__ import annotations

import uuid

from fastapi import HTTPException
from sqlalchemy import JSON, CheckConstraint, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from peers.handmade.broker import broker
from peers.handmade.database import Base, sessions
from peers.handmade.messages import (
    Envelope,
    Line,
    OrderConfirmed,
    Reservation,
    Reserve,
    StockReleased,
    StockReserved,
    StockShipped,
)
from peers.handmade.service import create_app
from shop.catalogue import make_catalogue


class StockRow(Base):
    __tablename__ = "stock"
    __table_args__ = (CheckConstraint("on_hand >= 0"),)

    sku: Mapped[str] = mapped_column(primary_key=True)
    initial: Mapped[int]
    on_hand: Mapped[int]
    reserved: Mapped[int] = mapped_column(default=0)
    shipped: Mapped[int] = mapped_column(default=0)


class ReservationRow(Base):
    __tablename__ = "reservations"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    lines: Mapped[list[dict[str, object]]] = mapped_column(JSON)


def _stock() -> list[Base]:
    return [StockRow(sku=item.product.sku, initial=item.stock, on_hand=item.stock) for item in make_catalogue().items]


async def send_off(envelope: Envelope) -> None:
    event = OrderConfirmed.model_validate(envelope.data)
    async with sessions.begin() as session:
        row = await session.scalar(select(ReservationRow).where(ReservationRow.order_id == event.order_id))
        if row is None or row.state != "held":
            return
        row.state = "shipped"
        shipped = [await _ship(session, event.order_id, Line.model_validate(line)) for line in row.lines]
    await broker.publish(*shipped)


app = create_app("inventory", seed=(StockRow, _stock), handlers={OrderConfirmed: send_off})


@app.post("/reservations", status_code=201)
async def reserve(request: Reserve) -> Reservation:
    lines = sorted(request.lines, key=lambda line: line.sku)
    reservation = Reservation(id=str(uuid.uuid4()), order_id=request.order_id, state="held", lines=lines)
    async with sessions.begin() as session:
        reserved = [await _take(session, request.order_id, line) for line in lines]
        session.add(ReservationRow(**reservation.model_dump()))
    await broker.publish(*reserved)
    return reservation


@app.delete("/reservations/{reservation_id}", status_code=204)
async def release(reservation_id: str) -> None:
    async with sessions.begin() as session:
        row = await session.get(ReservationRow, reservation_id)
        if row is None or row.state != "held":
            return
        row.state = "released"
        released = [await _give_back(session, row.order_id, Line.model_validate(line)) for line in row.lines]
    await broker.publish(*released)


async def _take(session: AsyncSession, order_id: str, line: Line) -> StockReserved:
    available = await session.scalar(
        update(StockRow)
        .where(StockRow.sku == line.sku, StockRow.on_hand >= line.quantity)
        .values(on_hand=StockRow.on_hand - line.quantity, reserved=StockRow.reserved + line.quantity)
        .returning(StockRow.on_hand)
    )
    if available is None:
        raise HTTPException(409, f"{line.sku} is out of stock")
    return StockReserved(sku=line.sku, order_id=order_id, quantity=line.quantity, available=available)


async def _ship(session: AsyncSession, order_id: str, line: Line) -> StockShipped:
    available = await session.scalar(
        update(StockRow)
        .where(StockRow.sku == line.sku)
        .values(reserved=StockRow.reserved - line.quantity, shipped=StockRow.shipped + line.quantity)
        .returning(StockRow.on_hand)
    )
    return StockShipped(sku=line.sku, order_id=order_id, quantity=line.quantity, available=available or 0)


async def _give_back(session: AsyncSession, order_id: str, line: Line) -> StockReleased:
    available = await session.scalar(
        update(StockRow)
        .where(StockRow.sku == line.sku)
        .values(on_hand=StockRow.on_hand + line.quantity, reserved=StockRow.reserved - line.quantity)
        .returning(StockRow.on_hand)
    )
    return StockReleased(sku=line.sku, order_id=order_id, quantity=line.quantity, available=available or 0)
