from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.contracts.user import Register
from shop.contracts.values import Line, Money

AMOUNTS = st.integers(min_value=0, max_value=10**9)


@given(AMOUNTS, st.integers(min_value=0, max_value=99))
def test_so_many_of_a_price_are_that_price_added_up(amount: int, quantity: int) -> None:
    total = Money(0)
    for _ in range(quantity):
        total += Money(amount)
    assert Money(amount).times(quantity) == total


def test_currencies_are_never_added_up() -> None:
    with pytest.raises(ValueError, match="cannot add EUR to USD"):
        Money(1) + Money(1, "EUR")


def test_money_reads_like_money() -> None:
    assert str(Money(120_05, "GBP")) == "120.05 GBP"


@pytest.mark.parametrize("body", [b'{"amount":-1}', b'{"amount":1.5}', b'{"amount":1,"currency":"usd"}'])
def test_money_on_the_wire_is_whole_not_negative_and_has_a_currency(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Money)


def test_a_line_has_at_least_one() -> None:
    with pytest.raises(msgspec.ValidationError, match="quantity"):
        msgspec.json.decode(b'{"sku":"A","quantity":0}', type=Line)


@pytest.mark.parametrize("email", ["", "ann", "ann@", "ann@home", "a b@home.org", "@home.org"])
def test_what_is_no_email_address_is_refused(email: str) -> None:
    body = {"email": email, "credential": "x" * 20, "name": "Ann"}
    with pytest.raises(msgspec.ValidationError, match="email"):
        msgspec.convert(body, Register)
