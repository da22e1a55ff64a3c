from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from atoll.contracts import Problem
from atoll.core import Settings
from atoll.service import Unauthenticated
from shop.contracts.inventory import Inventory, OutOfStock
from shop.contracts.order import (
    CartAbandoned,
    CartStarted,
    Checkout,
    CustomerGone,
    EmptyCart,
    Order,
    OrderCancelled,
    OrderConfirmed,
    OrderInFlight,
    OrderNotFound,
    OrderPage,
    OrderPlaced,
    PutLine,
)
from shop.contracts.payment import CardDeclined, Charge, Payment, Payments
from shop.contracts.product import PriceChanged, ProductAdded, UnknownProduct
from shop.contracts.shipping import AddressRefused, Shipping
from shop.contracts.values import Money
from shop.services.order import OrderService
from tests.shop.bench import Bench, at_work
from tests.shop.fakes import FakeInventory, FakePayments, FakeShipping
from tests.unit.shop.making import ADDRESS

At = Bench[OrderService]


class World:
    """What the order service calls."""

    def __init__(self) -> None:
        self.inventory, self.payments, self.shipping = FakeInventory(), FakePayments(), FakeShipping()

    @property
    def states(self) -> list[str]:
        """What became of stock, money and parcel."""
        parts = (self.inventory, self.payments, self.shipping)
        return [state for part in parts for state in part.state.values()]


@pytest.fixture(name="world")
def _world() -> World:
    return World()


@pytest.fixture(name="at")
async def _at(tmp_path: Path, world: World) -> AsyncGenerator[At]:
    settings = Settings(environ={"SHOP_CART_IDLE_SECONDS": "60"})
    others = {Inventory: world.inventory, Payments: world.payments, Shipping: world.shipping}
    async with at_work(tmp_path, OrderService, {Settings: settings, **others}) as bench:
        for sku, price in (("A", 500), ("B", 250), ("SOLD-OUT", 100)):
            await bench.hear(added(sku, price))
        yield bench


def added(sku: str, price: int) -> ProductAdded:
    return ProductAdded(sku=sku, name=f"Thing {sku}", description="", category="", price=Money(price), weight=1)


async def put(at: At, sku: str = "A", quantity: int = 1, user: str = "u1") -> None:
    await at.call(at.service.put_line, sku, PutLine(quantity), user=user)


async def check_out(at: At, *, card: str = "tok_visa_4242", postcode: str = "YO1 7HH", key: str | None = None) -> Order:
    address = msgspec.structs.replace(ADDRESS, postcode=postcode)
    return await at.call(at.service.checkout, Checkout(card=card, address=address), user="u1", key=key)


async def told(at: At) -> list[type[object]]:
    return [type(event) for event in await at.told()]


async def test_a_cart_has_todays_prices(at: At) -> None:
    await put(at, "A", 2)
    await at.hear(PriceChanged(sku="A", price=Money(400), previous=Money(500)))
    cart = await at.call(at.service.cart, user="u1")
    assert (cart.total, cart.lines[0].name) == (Money(800), "Thing A")


async def test_a_product_nobody_knows_cannot_be_put_in_a_cart(at: At) -> None:
    with pytest.raises(UnknownProduct):
        await put(at, "NOPE")


async def test_only_the_first_product_in_a_cart_is_news(at: At) -> None:
    await put(at, "A")
    await put(at, "B")
    assert await told(at) == [CartStarted]


async def test_the_last_line_that_goes_takes_the_cart_with_it(at: At) -> None:
    await put(at, "A")
    assert (await at.call(at.service.remove_line, "A", user="u1")).lines == []
    await put(at, "B")
    assert await told(at) == [CartStarted, CartStarted]


async def test_carts_are_each_customers_own(at: At) -> None:
    await put(at, "A", user="u1")
    assert (await at.call(at.service.cart, user="u2")).lines == []


async def test_a_cart_needs_a_customer(at: At) -> None:
    with pytest.raises(Unauthenticated):
        await at.call(at.service.cart)


async def test_a_checkout_reserves_charges_ships_and_confirms(at: At, world: World) -> None:
    await put(at, "A", 2)
    order = await check_out(at)
    assert (order.status, order.total, order.tracking) == ("confirmed", Money(1000), f"T-{order.id}")
    assert world.states == ["held", "captured", "booked"]
    assert await told(at) == [CartStarted, OrderPlaced, OrderConfirmed]


async def test_what_was_ordered_is_no_longer_in_the_cart(at: At) -> None:
    await put(at)
    await check_out(at)
    assert (await at.call(at.service.cart, user="u1")).lines == []


async def test_a_checkout_repeated_under_its_key_is_one_order(at: At) -> None:
    await put(at)
    first = await check_out(at, key="k")
    assert await check_out(at, key="k") == first
    assert len(await at.service.order_ledger()) == 1


async def test_an_empty_cart_cannot_be_checked_out(at: At) -> None:
    with pytest.raises(EmptyCart):
        await check_out(at)
    assert await at.service.order_ledger() == []


@pytest.mark.parametrize(
    ("sku", "card", "postcode", "problem", "states"),
    [
        ("SOLD-OUT", "tok_visa_4242", "YO1 7HH", OutOfStock, []),
        ("A", "tok_visa_0002", "YO1 7HH", CardDeclined, ["released"]),
        ("A", "tok_visa_4242", "00000", AddressRefused, ["released", "refunded"]),
    ],
)
async def test_a_checkout_that_fails_undoes_all_it_did(
    at: At, world: World, sku: str, card: str, postcode: str, problem: type[Problem], states: list[str]
) -> None:
    await put(at, sku)
    with pytest.raises(problem):
        await check_out(at, card=card, postcode=postcode)
    order = (await at.service.order_ledger())[0]
    assert (order.status, order.reason, world.states) == ("cancelled", problem.code, states)
    assert (await told(at))[-1] is OrderCancelled


async def test_a_cancelled_order_goes_back_into_the_cart_for_another_try(at: At) -> None:
    await put(at, "A", 2)
    with pytest.raises(CardDeclined):
        await check_out(at, card="tok_visa_0002")
    assert (await check_out(at)).total == Money(1000)


async def test_a_customer_finds_their_own_orders_and_nobody_elses(at: At) -> None:
    await put(at)
    order = await check_out(at)
    assert await at.call(at.service.my_orders, user="u1") == OrderPage(orders=[order], complete=True)
    assert await at.call(at.service.order, order.id, user="u1") == order
    with pytest.raises(OrderNotFound):
        await at.call(at.service.order, order.id, user="u2")


async def test_a_list_that_is_held_up_is_shown_as_it_is_and_says_so(at: At) -> None:
    await put(at)
    shown = [await check_out(at)]
    await at.pause("order_list")
    await put(at)
    await check_out(at)
    assert await at.call(at.service.my_orders, user="u1") == OrderPage(orders=shown, complete=False)
    await at.resume("order_list")
    after = await at.call(at.service.my_orders, user="u1")
    assert (len(after.orders), after.complete) == (2, True)


async def test_a_cart_left_alone_is_told_of_once(at: At) -> None:
    await put(at, "A", 2)
    at.clock.time += 61
    for _ in range(2):
        await at.call(at.service.give_up_on_carts)
    expected = CartAbandoned(user_id="u1", step="cart", reason="idle", value=Money(1000))
    assert (await at.told())[1:] == [expected]


async def test_a_cart_in_use_is_not_given_up_on(at: At) -> None:
    await put(at)
    at.clock.time += 59
    await at.call(at.service.give_up_on_carts)
    assert await told(at) == [CartStarted]


async def test_a_cart_left_after_a_declined_card_says_so(at: At) -> None:
    await put(at)
    with pytest.raises(CardDeclined):
        await check_out(at, card="tok_visa_0002")
    at.clock.time += 61
    await at.call(at.service.give_up_on_carts)
    abandoned = (await at.told())[-1]
    assert isinstance(abandoned, CartAbandoned)
    assert (abandoned.step, abandoned.reason) == ("checkout", "card_declined")


async def test_an_order_is_what_its_events_say(at: At) -> None:
    await put(at)
    order = await check_out(at)
    events = await at.service.purchases.load(order.id)
    assert (events.version, events.aggregate.order) == (2, order)
    assert (await at.service.purchases.load(order.id, at=1)).aggregate.order.status == "placed"


async def test_a_customer_who_was_closed_can_order_no_more(at: At) -> None:
    await put(at)
    await at.call(at.service.close, "u1")
    await put(at)
    with pytest.raises(CustomerGone):
        await check_out(at)
    assert await at.service.order_ledger() == []


@pytest.mark.parametrize("card", ["tok_visa_4242", "tok_visa_0002"])
async def test_a_customer_can_be_closed_as_soon_as_no_order_is_in_flight(at: At, world: World, card: str) -> None:
    await put(at)
    refused: list[str] = []

    async def charged(request: Charge) -> Payment:
        try:
            await at.service.close("u1")
        except OrderInFlight as problem:
            refused.append(problem.code)
        return await FakePayments.charge(world.payments, request)

    world.payments.charge = charged  # type: ignore[method-assign]
    with contextlib.suppress(CardDeclined):
        await check_out(at, card=card)
    await at.call(at.service.close, "u1")
    assert refused == ["order_in_flight"]
