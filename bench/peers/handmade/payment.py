"""Charges through the card network."""

from __future__ import annotations

import uuid

from fastapi import HTTPException
from sqlalchemy.orm import Mapped, mapped_column

from peers.handmade.broker import broker
from peers.handmade.database import Base, sessions
from peers.handmade.messages import Charge, Payment, PaymentCaptured
from peers.handmade.service import create_app, http
from peers.handmade.settings import url_of


class PaymentRow(Base):
    __tablename__ = "payments"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(unique=True)
    amount: Mapped[int]
    currency: Mapped[str]
    method: Mapped[str]
    status: Mapped[str]
    reference: Mapped[str]


app = create_app("payment")


@app.post("/payments")
async def charge(request: Charge) -> Payment:
    payment_id = str(uuid.uuid4())
    payment = Payment(
        id=payment_id,
        order_id=request.order_id,
        amount=request.amount,
        method=request.card.split("_")[1],
        status="captured",
        reference=await _capture(payment_id, request),
    )
    async with sessions.begin() as session:
        values = payment.model_dump(exclude={"amount"})
        session.add(PaymentRow(**values, amount=payment.amount.amount, currency=payment.amount.currency))
    await broker.publish(
        PaymentCaptured(
            payment_id=payment.id,
            order_id=payment.order_id,
            amount=payment.amount,
            payment_method=payment.method,
        )
    )
    return payment


async def _capture(key: str, request: Charge) -> str:
    body = {"amount": request.amount.amount, "currency": request.amount.currency, "card": request.card}
    response = await http.post(f"{url_of('cardnet')}/charges", json=body, headers={"Idempotency-Key": key})
    if response.status_code == 402:
        raise HTTPException(402, response.json()["reason"])
    response.raise_for_status()
    return str(response.json()["reference"])
