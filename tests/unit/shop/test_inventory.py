from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shop.contracts.inventory import OutOfStock
from shop.contracts.values import Line
from shop.services.inventory import domain

QUANTITIES = st.integers(min_value=1, max_value=20)


class StockMachine(RuleBasedStateMachine):
    """Whatever happens to a SKU, its books balance."""

    def __init__(self) -> None:
        super().__init__()
        self.stock = domain.opened("AUD-001", 10)
        self.held: list[int] = []

    @rule(quantity=QUANTITIES)
    def restock(self, quantity: int) -> None:
        self.stock = domain.restock(self.stock, quantity)

    @rule(quantity=QUANTITIES)
    def reserve(self, quantity: int) -> None:
        if quantity > self.stock.on_hand:
            with pytest.raises(OutOfStock):
                domain.reserve(self.stock, quantity)
            return
        self.stock = domain.reserve(self.stock, quantity)
        self.held.append(quantity)

    @precondition(lambda self: self.held)
    @rule()
    def release(self) -> None:
        self.stock = domain.release(self.stock, self.held.pop())

    @precondition(lambda self: self.held)
    @rule()
    def ship(self) -> None:
        self.stock = domain.ship(self.stock, self.held.pop())

    @invariant()
    def balances(self) -> None:
        assert domain.balanced(self.stock)
        assert self.stock.reserved == sum(self.held)


TestStock = StockMachine.TestCase


def test_out_of_stock_says_how_many_there_are() -> None:
    with pytest.raises(OutOfStock) as caught:
        domain.reserve(domain.opened("AUD-001", 2), 3)
    assert (caught.value.sku, caught.value.requested, caught.value.available) == ("AUD-001", 3, 2)


@given(st.lists(st.tuples(st.sampled_from("ABC"), QUANTITIES), max_size=12))
def test_merged_lines_keep_every_piece_and_have_each_sku_once(pairs: list[tuple[str, int]]) -> None:
    merged = domain.merged([Line(sku, quantity) for sku, quantity in pairs])
    assert [each.sku for each in merged] == sorted({sku for sku, _ in pairs})
    assert sum(each.quantity for each in merged) == sum(quantity for _, quantity in pairs)
