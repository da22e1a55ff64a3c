"""The rules of carts and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from atoll.core import SettingsError
from shop.contracts.inventory import Reserve
from shop.contracts.order import Cart, Checkout, EmptyCart, Order, OrderLine, TotalChanged
from shop.contracts.values import Line, Money

IDLE_SECONDS: Final = 1800.0
"""How long a cart is left alone before it counts as abandoned; SHOP_CART_IDLE_SECONDS sets another time."""


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


def place(cart: Cart, request: Checkout, *, order_id: str, user_id: str, now: float) -> Order:
    """Return the order that a cart becomes. Raises EmptyCart or TotalChanged."""
    if not cart.lines:
        raise EmptyCart()
    if request.expected_total is not None and request.expected_total != cart.total:
        raise TotalChanged(expected=request.expected_total, actual=cart.total)
    return Order(id=order_id, user_id=user_id, status="placed", lines=cart.lines, total=cart.total, placed_at=now)


def reservation_for(order: Order) -> Reserve:
    """Return what `inventory` must hold for an order."""
    return Reserve(order_id=order.id, lines=[Line(line.sku, line.quantity) for line in order.lines])


def confirmed(order: Order, *, payment_id: str, tracking: str) -> Order:
    """Return the order, paid and on its way."""
    return msgspec.structs.replace(order, status="confirmed", payment_id=payment_id, tracking=tracking)


def cancelled(order: Order, reason: str) -> Order:
    """Return the order, come to nothing."""
    return msgspec.structs.replace(order, status="cancelled", reason=reason)


def idle_seconds(environ: Mapping[str, str]) -> float:
    """Return the setting SHOP_CART_IDLE_SECONDS. Raises SettingsError."""
    text = environ.get("SHOP_CART_IDLE_SECONDS", "")
    if not text:
        return IDLE_SECONDS
    if not text.replace(".", "", 1).isdecimal() or float(text) <= 0:
        raise SettingsError([f"SHOP_CART_IDLE_SECONDS is {text!r}, but must be a number of seconds above 0"])
    return float(text)
