"""The rules of payments, and the card network as this service sees it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from atoll.core import derived_id
from shop.contracts.payment import Charge, NetworkEntry, NotRefundable, Payment
from shop.contracts.values import Money


class Captured(msgspec.Struct, frozen=True):
    """What the card network answers to a charge: its own name for it."""

    reference: str


class CardNetwork(Protocol):
    """The card network. Each call is safe to repeat under its key; a failure that may pass says it is retryable."""

    async def capture(self, key: str, amount: Money, card: str) -> Captured:
        """Take money from a card, once for each key. Raises CardDeclined."""
        ...

    async def refund(self, key: str) -> None:
        """Give back all that was taken under `key`. What was never taken needs no giving back."""
        ...

    async def ledger(self, after: str, limit: int) -> list[NetworkEntry]:
        """Return the network's own books in the order of keys, beginning behind `after`."""
        ...


def payment_for(request: Charge) -> Payment:
    """Return the payment of an order. Its id follows from the order's, so an order cannot be charged twice."""
    return Payment(
        id=derived_id("payment", request.order_id),
        order_id=request.order_id,
        amount=request.amount,
        method=method_of(request.card),
        status="pending",
    )


def method_of(card: str) -> str:
    """Return the brand of a card from its token, `tok_<brand>_<last four digits>`."""
    parts = card.split("_")
    return parts[1] if len(parts) == 3 else "card"


def captured(payment: Payment, reference: str) -> Payment:
    """Return the payment with the money taken."""
    return msgspec.structs.replace(payment, status="captured", reference=reference)


def declined(payment: Payment) -> Payment:
    """Return the payment that was not to be."""
    return msgspec.structs.replace(payment, status="declined")


def refunding(payment: Payment) -> Payment:
    """Return the payment with the money on its way back. Raises NotRefundable when it was never taken."""
    if payment.status in ("refunding", "refunded"):
        return payment
    if payment.status != "captured":
        raise NotRefundable(payment_status=payment.status)
    return msgspec.structs.replace(payment, status="refunding")


def refunded(payment: Payment) -> Payment:
    """Return the payment with the money given back."""
    return msgspec.structs.replace(payment, status="refunded")
