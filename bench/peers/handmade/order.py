"""Carts and orders: `POST /checkout` asks inventory, payment and shipping one after the other."""

from __future__ import annotations

import logging
import time
import uuid

import httpx
from fastapi import HTTPException
from sqlalchemy import JSON, delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from peers.handmade.broker import broker
from peers.handmade.database import Base, sessions
from peers.handmade.messages import (
    Book,
    Cart,
    CartStarted,
    Charge,
    Checkout,
    Line,
    Money,
    Order,
    OrderCancelled,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
    Parcel,
    Payment,
    PutLine,
    Reservation,
    Reserve,
)
from peers.handmade.service import User, create_app, http, post
from peers.handmade.settings import url_of
from shop.catalogue import make_catalogue

_logger = logging.getLogger(__name__)


class ProductRow(Base):
    __tablename__ = "products"

    sku: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]


class CartRow(Base):
    __tablename__ = "carts"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    touched_at: Mapped[float]


class CartLineRow(Base):
    __tablename__ = "cart_lines"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[int]


class OrderRow(Base):
    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    lines: Mapped[list[dict[str, object]]] = mapped_column(JSON)
    amount: Mapped[int]
    currency: Mapped[str]
    placed_at: Mapped[float]
    reason: Mapped[str] = mapped_column(default="")
    payment_id: Mapped[str] = mapped_column(default="")
    tracking: Mapped[str] = mapped_column(default="")


def _products() -> list[Base]:
    return [
        ProductRow(
            sku=item.product.sku,
            name=item.product.name,
            amount=item.product.price.amount,
            currency=item.product.price.currency,
        )
        for item in make_catalogue().items
    ]


app = create_app("order", seed=(ProductRow, _products))


@app.put("/cart/lines/{sku}")
async def put_line(sku: str, request: PutLine, user_id: User) -> Cart:
    async with sessions.begin() as session:
        if await session.get(ProductRow, sku) is None:
            raise HTTPException(404, "unknown product")
        started = await _touch(session, user_id)
        line = insert(CartLineRow).values(user_id=user_id, sku=sku, quantity=request.quantity)
        await session.execute(
            line.on_conflict_do_update(index_elements=["user_id", "sku"], set_={"quantity": request.quantity})
        )
        cart = await _cart(session, user_id)
    if started:
        await broker.publish(CartStarted(user_id=user_id))
    return cart


@app.post("/checkout")
async def checkout(request: Checkout, user_id: User) -> Order:
    order = await _place(request, user_id)
    reservation: Reservation | None = None
    try:
        lines = [Line(sku=line.sku, quantity=line.quantity) for line in order.lines]
        wanted = Reserve(order_id=order.id, lines=lines)
        reservation = await post(f"{url_of('inventory')}/reservations", wanted, Reservation)
        charge = Charge(order_id=order.id, amount=order.total, card=request.card)
        payment = await post(f"{url_of('payment')}/payments", charge, Payment)
        book = Book(order_id=order.id, user_id=user_id, address=request.address)
        parcel = await post(f"{url_of('shipping')}/parcels", book, Parcel)
    except httpx.HTTPError as error:
        await _cancel(order, reservation, type(error).__name__)
        raise HTTPException(409, "the order was cancelled") from error
    return await _confirm(order, payment, parcel)


async def _place(request: Checkout, user_id: str) -> Order:
    async with sessions.begin() as session:
        cart = await _cart(session, user_id)
        if not cart.lines:
            raise HTTPException(409, "the cart is empty")
        if request.expected_total is not None and request.expected_total != cart.total:
            raise HTTPException(409, "a price has changed")
        order = Order(
            id=str(uuid.uuid4()),
            user_id=user_id,
            status="placed",
            lines=cart.lines,
            total=cart.total,
            placed_at=time.time(),
        )
        session.add(_row(order))
        await session.execute(delete(CartLineRow).where(CartLineRow.user_id == user_id))
        await session.execute(delete(CartRow).where(CartRow.user_id == user_id))
    await broker.publish(OrderPlaced(order_id=order.id, user_id=user_id, lines=order.lines, total=order.total))
    return order


async def _confirm(order: Order, payment: Payment, parcel: Parcel) -> Order:
    order = order.model_copy(update={"status": "confirmed", "payment_id": payment.id, "tracking": parcel.tracking})
    await _settle(order)
    await broker.publish(
        OrderConfirmed(
            order_id=order.id,
            user_id=order.user_id,
            total=order.total,
            payment_id=payment.id,
            payment_method=payment.method,
            tracking=parcel.tracking,
        )
    )
    return order


async def _cancel(order: Order, reservation: Reservation | None, reason: str) -> None:
    _logger.warning("order %s is cancelled: %s", order.id, reason)
    await _settle(order.model_copy(update={"status": "cancelled", "reason": reason}))
    if reservation is not None:
        await http.delete(f"{url_of('inventory')}/reservations/{reservation.id}")
    cancelled = OrderCancelled(order_id=order.id, user_id=order.user_id, total=order.total, reason=reason)
    await broker.publish(cancelled)


async def _settle(order: Order) -> None:
    async with sessions.begin() as session:
        values = order.model_dump(include={"status", "reason", "payment_id", "tracking"})
        await session.execute(update(OrderRow).where(OrderRow.id == order.id).values(values))


async def _touch(session: AsyncSession, user_id: str) -> bool:
    """Note that a cart is in use; True when it is a new one."""
    cart = await session.get(CartRow, user_id)
    if cart is not None:
        cart.touched_at = time.time()
        return False
    session.add(CartRow(user_id=user_id, touched_at=time.time()))
    return True


async def _cart(session: AsyncSession, user_id: str) -> Cart:
    found = await session.execute(
        select(CartLineRow.sku, ProductRow.name, CartLineRow.quantity, ProductRow.amount, ProductRow.currency)
        .join(ProductRow, ProductRow.sku == CartLineRow.sku)
        .where(CartLineRow.user_id == user_id)
        .order_by(CartLineRow.sku)
    )
    lines = [
        OrderLine(sku=sku, name=name, quantity=quantity, price=Money(amount=amount, currency=currency))
        for sku, name, quantity, amount, currency in found
    ]
    return Cart(lines=lines, total=Money(amount=sum(line.price.amount * line.quantity for line in lines)))


def _row(order: Order) -> OrderRow:
    return OrderRow(
        id=order.id,
        user_id=order.user_id,
        status=order.status,
        lines=[line.model_dump() for line in order.lines],
        amount=order.total.amount,
        currency=order.total.currency,
        placed_at=order.placed_at,
    )
