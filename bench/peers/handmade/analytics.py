"""Revenue by day, the funnel, and the business metrics."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from peers.handmade.database import Base, sessions
from peers.handmade.messages import (
    CartStarted,
    Envelope,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    PaymentCaptured,
    UserCreated,
)
from peers.handmade.service import create_app

STAGES: dict[str, str] = {
    each.__name__: stage
    for each, stage in (
        (UserCreated, "registered"),
        (CartStarted, "carts"),
        (OrderPlaced, "placed"),
        (OrderConfirmed, "confirmed"),
        (OrderCancelled, "cancelled"),
    )
}

ORDER_VALUE = Histogram(
    "order_value_dollars",
    "Order value in dollars",
    ["currency", "payment_method"],
    buckets=(10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0),
)
PAYMENTS = Counter("payment_success_total", "Total number of successful payments", ["payment_method", "currency"])


class RevenueRow(Base):
    __tablename__ = "revenue"

    day: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    orders: Mapped[int]
    amount: Mapped[int]


class FunnelRow(Base):
    __tablename__ = "funnel"

    stage: Mapped[str] = mapped_column(primary_key=True)
    customers: Mapped[int]


async def count(envelope: Envelope) -> None:
    async with sessions.begin() as session:
        await _advance(session, STAGES[envelope.type])


async def count_confirmed(envelope: Envelope) -> None:
    event = OrderConfirmed.model_validate(envelope.data)
    async with sessions.begin() as session:
        await _advance(session, STAGES[envelope.type])
        await _earn(session, datetime.fromtimestamp(envelope.time, UTC).date().isoformat(), event)
    ORDER_VALUE.labels(event.total.currency, event.payment_method).observe(event.total.amount / 100)


async def count_payment(envelope: Envelope) -> None:
    event = PaymentCaptured.model_validate(envelope.data)
    PAYMENTS.labels(event.payment_method, event.amount.currency).inc()


app = create_app(
    "analytics",
    handlers={
        UserCreated: count,
        CartStarted: count,
        OrderPlaced: count,
        OrderConfirmed: count_confirmed,
        OrderCancelled: count,
        PaymentCaptured: count_payment,
    },
)


@app.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _advance(session: AsyncSession, stage: str) -> None:
    first = insert(FunnelRow).values(stage=stage, customers=1)
    more = {"customers": FunnelRow.customers + 1}
    await session.execute(first.on_conflict_do_update(index_elements=["stage"], set_=more))


async def _earn(session: AsyncSession, day: str, event: OrderConfirmed) -> None:
    amount = event.total.amount
    first = insert(RevenueRow).values(day=day, currency=event.total.currency, orders=1, amount=amount)
    more = {"orders": RevenueRow.orders + 1, "amount": RevenueRow.amount + amount}
    await session.execute(first.on_conflict_do_update(index_elements=["day", "currency"], set_=more))
