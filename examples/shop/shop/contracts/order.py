"""Carts, orders, and the checkout that makes one from the other."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

import msgspec

from atoll.contracts import Event, Problem, command, contract, query
from shop.contracts.inventory import NoSuchStock, OutOfStock
from shop.contracts.payment import CardDeclined
from shop.contracts.product import UnknownProduct
from shop.contracts.shipping import AddressRefused, CountryNotServed
from shop.contracts.values import Address, Money, PageSize, Quantity

OrderStatus = Literal["placed", "confirmed", "cancelled"]


class PutLine(msgspec.Struct, frozen=True):
    """How many of the product shall be in the cart."""

    quantity: Quantity


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """Buy what is in the cart.

    `card` is a token of the card network that stands for a card, like `tok_visa_4242`: the shop never sees a
    number. With `expected_total`, a price that changed meanwhile refuses the checkout instead of surprising.
    """

    card: Annotated[str, msgspec.Meta(pattern="^tok_[a-z]+_[0-9]{4}$")]
    address: Address
    expected_total: Money | None = None


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one product at the price of one."""

    sku: str
    name: str
    quantity: int
    price: Money


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer means to buy, at today's prices."""

    lines: list[OrderLine]
    total: Money


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order. `reason` is the code of the problem that cancelled it; `placed_at` is in epoch seconds."""

    id: str
    user_id: str
    status: OrderStatus
    lines: list[OrderLine]
    total: Money
    placed_at: float
    reason: str = ""
    payment_id: str = ""
    tracking: str = ""


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some orders. Unless `complete`, the latest changes may be missing: look again some seconds later."""

    orders: list[Order]
    complete: bool


class CartStarted(Event, key="user_id"):
    """A customer has put the first product in an empty cart."""

    user_id: str


class CartAbandoned(Event, key="user_id"):
    """A cart has not been touched for a while. `step` is how far the customer had come, `reason` why they left."""

    user_id: str
    step: str
    reason: str
    value: Money


class OrderPlaced(Event, key="order_id"):
    """A customer has checked out, at `placed_at` (epoch seconds); the order is being worked on."""

    order_id: str
    user_id: str
    lines: list[OrderLine]
    total: Money
    placed_at: float


class OrderConfirmed(Event, key="order_id"):
    """An order is paid and its parcel booked."""

    order_id: str
    user_id: str
    total: Money
    payment_id: str
    payment_method: str
    tracking: str


class OrderCancelled(Event, key="order_id"):
    """An order came to nothing, and everything done for it is undone. `reason` is a problem's code."""

    order_id: str
    user_id: str
    total: Money
    reason: str


class EmptyCart(Problem, status=409):
    """There is nothing in the cart."""


class TotalChanged(Problem, status=409):
    """The prices have changed since; look at the cart and check out again."""

    expected: Money
    actual: Money


class OrderInFlight(Problem, status=409):
    """An order of yours is still being worked on; ask again when it is confirmed or cancelled."""


class CustomerGone(Problem, status=410):
    """This customer was erased and can order no more."""


class OrderNotFound(Problem, status=404):
    """There is no such order of yours."""


@contract("order", events=[CartStarted, CartAbandoned, OrderPlaced, OrderConfirmed, OrderCancelled])
class Orders(Protocol):
    """Carts and orders."""

    @query("GET /cart", public=True)
    async def cart(self) -> Cart:
        """The cart of the customer who asks."""
        ...

    @command("PUT /cart/lines/{sku}", public=True, raises=[UnknownProduct])
    async def put_line(self, sku: str, request: PutLine) -> Cart:
        """Have so many of a product in the cart."""
        ...

    @command("DELETE /cart/lines/{sku}", public=True)
    async def remove_line(self, sku: str) -> Cart:
        """Take a product out of the cart. One that is not in it is no error."""
        ...

    @command(
        "POST /checkout",
        public=True,
        timeout=30.0,
        raises=[
            EmptyCart,
            TotalChanged,
            OutOfStock,
            NoSuchStock,
            CardDeclined,
            CountryNotServed,
            AddressRefused,
            CustomerGone,
        ],
    )
    async def checkout(self, request: Checkout) -> Order:
        """Order what is in the cart: reserve, charge, ship, confirm; all of it or nothing.

        Send an Idempotency-Key: repeated with the same key it is one checkout, whatever was lost on the way.
        """
        ...

    @query("GET /orders", public=True)
    async def my_orders(self, after: str = "", limit: PageSize = 50) -> OrderPage:
        """The orders of the customer who asks, in the order of ids, beginning behind `after`.

        With all that happened before; or after a second, when the list is held up, with what is in it.
        """
        ...

    @query("GET /orders/{order_id}", public=True, raises=[OrderNotFound])
    async def order(self, order_id: str) -> Order:
        """One order of the customer who asks."""
        ...

    @command("DELETE /customers/{user_id}", raises=[OrderInFlight])
    async def close(self, user_id: str) -> None:
        """Take no more orders of a customer, and forget their cart. Repeating it is no error."""
        ...

    @query("GET /ledger/orders")
    async def order_ledger(self, after: str = "", limit: PageSize = 500) -> list[Order]:
        """Every order in the order of ids, beginning behind `after`. For checks."""
        ...
