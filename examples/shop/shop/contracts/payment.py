"""Money in and money back, through a card network."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from atoll.contracts import Event, Problem, command, contract, query
from shop.contracts.values import Money, PageSize

PaymentStatus = Literal["pending", "captured", "declined", "refunding", "refunded"]


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Take `amount` from a card for an order. `card` is the card network's token for it."""

    order_id: str
    amount: Money
    card: str


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one charge. `reference` is the card network's name for it, `method` the card's brand."""

    id: str
    order_id: str
    amount: Money
    method: str
    status: PaymentStatus
    reference: str = ""


class NetworkEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the card network has in its own books under one of our keys, in minor units."""

    key: str
    currency: str
    captured: int
    refunded: int


class PaymentCaptured(Event, key="order_id"):
    """The money for an order is ours."""

    payment_id: str
    order_id: str
    amount: Money
    payment_method: str


class PaymentDeclined(Event, key="order_id"):
    """The card's bank would not pay. `reason` is the network's word for why."""

    payment_id: str
    order_id: str
    amount: Money
    reason: str


class PaymentRefunded(Event, key="order_id"):
    """The money for an order was given back."""

    payment_id: str
    order_id: str
    amount: Money


class CardDeclined(Problem, status=402):
    """The card was declined."""

    reason: str


class PaymentNotFound(Problem, status=404):
    """There is no such payment."""


class NotRefundable(Problem, status=409):
    """Only a captured payment can be refunded."""

    payment_status: str


@contract("payment", events=[PaymentCaptured, PaymentDeclined, PaymentRefunded])
class Payments(Protocol):
    """Charges and refunds. An order is charged once, however often it is asked for."""

    @command("POST /payments", raises=[CardDeclined], timeout=20.0)
    async def charge(self, request: Charge) -> Payment:
        """Charge the card of an order. Asking again for the same order returns its payment."""
        ...

    @command("POST /payments/{payment_id}/refund", raises=[PaymentNotFound, NotRefundable], timeout=20.0)
    async def refund(self, payment_id: str) -> Payment:
        """Give all the money back. Repeating it is no error."""
        ...

    @query("GET /ledger/payments")
    async def payment_ledger(self, after: str = "", limit: PageSize = 500) -> list[Payment]:
        """Every payment in the order of ids, beginning behind `after`. For checks."""
        ...

    @query("GET /ledger/network")
    async def network_ledger(self, after: str = "", limit: PageSize = 500) -> list[NetworkEntry]:
        """What the card network says, in the order of keys, beginning behind `after`. For checks."""
        ...
