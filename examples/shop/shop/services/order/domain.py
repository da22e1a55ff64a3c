"""The rules of carts and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from atoll.core import SettingsError
from shop.contracts.inventory import Reserve
from shop.contracts.order import (
    Cart,
    Checkout,
    EmptyCart,
    Order,
    OrderCancelled,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
    TotalChanged,
)
from shop.contracts.payment import Payment
from shop.contracts.shipping import Parcel
from shop.contracts.values import Line, Money

IDLE_SECONDS: Final = 1800.0
"""How long a cart is left alone before it counts as abandoned; SHOP_CART_IDLE_SECONDS sets another time."""


UNPLACED: Final = Order(id="", user_id="", status="placed", lines=[], total=Money(0, "USD"), placed_at=0.0)


class IdleCart(msgspec.Struct, frozen=True, kw_only=True):
    """A cart that nobody has touched for a while; `step` and `reason` say how far its owner had come."""

    user_id: str
    step: str
    reason: str


def cart_of(lines: Sequence[OrderLine]) -> Cart:
    """Return the cart with its total."""
    return Cart(lines=list(lines), total=total_of(lines))


def total_of(lines: Sequence[OrderLine]) -> Money:
    """Return what the lines cost together."""
    total = Money(0, lines[0].price.currency if lines else "USD")
    for line in lines:
        total += line.price.times(line.quantity)
    return total


def place(cart: Cart, request: Checkout, *, order_id: str, user_id: str, now: float) -> OrderPlaced:
    """Return the order that a cart becomes. Raises EmptyCart or TotalChanged."""
    if not cart.lines:
        raise EmptyCart()
    if request.expected_total is not None and request.expected_total != cart.total:
        raise TotalChanged(expected=request.expected_total, actual=cart.total)
    return OrderPlaced(order_id=order_id, user_id=user_id, lines=cart.lines, total=cart.total, placed_at=now)


def reservation_for(order: Order) -> Reserve:
    """Return what `inventory` must hold for an order."""
    return Reserve(order_id=order.id, lines=[Line(line.sku, line.quantity) for line in order.lines])


@dataclass
class Purchase:
    """An order, folded from its events. It is placed, and then confirmed or cancelled, once."""

    order: Order = UNPLACED

    def confirm(self, paid: Payment, parcel: Parcel) -> OrderConfirmed:
        """Decide that the order is paid and on its way."""
        return OrderConfirmed(
            order_id=self.order.id,
            user_id=self.order.user_id,
            total=self.order.total,
            payment_id=paid.id,
            payment_method=paid.method,
            tracking=parcel.tracking,
        )

    def cancel(self, reason: str) -> OrderCancelled:
        """Decide that the order has come to nothing."""
        return OrderCancelled(order_id=self.order.id, user_id=self.order.user_id, total=self.order.total, reason=reason)

    def apply(self, event: OrderPlaced | OrderConfirmed | OrderCancelled) -> None:
        match event:
            case OrderPlaced():
                self.order = placed(event)
            case OrderConfirmed(payment_id=payment_id, tracking=tracking):
                done = msgspec.structs.replace(self.order, status="confirmed", payment_id=payment_id, tracking=tracking)
                self.order = done
            case OrderCancelled(reason=reason):
                self.order = msgspec.structs.replace(self.order, status="cancelled", reason=reason)


def placed(event: OrderPlaced) -> Order:
    """Return the order as it begins."""
    return Order(
        id=event.order_id,
        user_id=event.user_id,
        status="placed",
        lines=event.lines,
        total=event.total,
        placed_at=event.placed_at,
    )


def idle_seconds(environ: Mapping[str, str]) -> float:
    """Return the setting SHOP_CART_IDLE_SECONDS. Raises SettingsError."""
    text = environ.get("SHOP_CART_IDLE_SECONDS", "")
    if not text:
        return IDLE_SECONDS
    if not text.replace(".", "", 1).isdecimal() or float(text) <= 0:
        raise SettingsError([f"SHOP_CART_IDLE_SECONDS is {text!r}, but must be a number of seconds above 0"])
    return float(text)
