from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import SettingsError
from shop.contracts.order import Checkout, EmptyCart, OrderLine, TotalChanged
from shop.contracts.values import Line, Money
from shop.services.order import domain
from tests.unit.shop.making import ADDRESS, line, order, parcel, payment

LINES = st.lists(
    st.builds(
        line,
        sku=st.sampled_from(["A", "B", "C"]),
        quantity=st.integers(1, 99),
        price=st.integers(0, 10**6),
    ),
    max_size=6,
)


def checkout(expected: Money | None = None) -> Checkout:
    return Checkout(card="tok_visa_4242", address=ADDRESS, expected_total=expected)


@given(LINES)
def test_a_cart_costs_what_its_lines_cost(lines: list[OrderLine]) -> None:
    assert domain.cart_of(lines).total.amount == sum(each.price.amount * each.quantity for each in lines)


def test_an_empty_cart_cannot_be_ordered() -> None:
    with pytest.raises(EmptyCart):
        domain.place(domain.cart_of([]), checkout(), order_id="o", user_id="u", now=0.0)


def test_a_price_that_changed_meanwhile_refuses_the_checkout() -> None:
    cart = domain.cart_of([line(price=1100)])
    with pytest.raises(TotalChanged) as caught:
        domain.place(cart, checkout(Money(1000)), order_id="o", user_id="u", now=0.0)
    assert (caught.value.expected, caught.value.actual) == (Money(1000), Money(1100))


def purchase(*lines: OrderLine) -> domain.Purchase:
    """An order that has been placed."""
    begun = domain.Purchase()
    begun.apply(domain.place(domain.cart_of(lines or [line()]), checkout(), order_id="o1", user_id="u1", now=7.0))
    return begun


def test_an_order_has_the_lines_and_the_total_of_its_cart() -> None:
    lines = [line("A", 2, 500), line("B", 1, 250)]
    placed = purchase(*lines).order
    assert (placed.status, placed.lines, placed.total, placed.placed_at) == ("placed", lines, Money(1250), 7.0)


def test_what_is_reserved_is_what_was_ordered() -> None:
    wanted = domain.reservation_for(order(lines=[line("A", 2), line("B", 1)]))
    assert wanted.lines == [Line("A", 2), Line("B", 1)]


def test_a_confirmed_order_knows_its_payment_and_its_parcel() -> None:
    confirmed = purchase()
    confirmed.apply(confirmed.confirm(payment("o1"), parcel("o1")))
    known = (confirmed.order.status, confirmed.order.payment_id, confirmed.order.tracking)
    assert known == ("confirmed", "pay-o1", "T-o1")


def test_a_cancelled_order_knows_why() -> None:
    cancelled = purchase()
    cancelled.apply(cancelled.cancel("out_of_stock"))
    assert (cancelled.order.status, cancelled.order.reason) == ("cancelled", "out_of_stock")


def test_carts_are_idle_after_half_an_hour_unless_told_otherwise() -> None:
    assert domain.idle_seconds({}) == 1800.0
    assert domain.idle_seconds({"SHOP_CART_IDLE_SECONDS": "2.5"}) == 2.5


@pytest.mark.parametrize("text", ["soon", "-1", "0", "1e3", "nan"])
def test_an_idle_time_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="SHOP_CART_IDLE_SECONDS"):
        domain.idle_seconds({"SHOP_CART_IDLE_SECONDS": text})
