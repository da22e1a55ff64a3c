from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shop.catalogue import Catalogue, Item
from shop.contracts.inventory import (
    AlreadyShipped,
    NoSuchStock,
    OutOfStock,
    Reservation,
    Reserve,
    Restock,
    StockChanged,
    StockEntry,
    StockReleased,
    StockReserved,
    StockShipped,
)
from shop.contracts.order import OrderConfirmed
from shop.contracts.product import AddProduct
from shop.contracts.values import Line, Money
from shop.services.inventory import InventoryService
from tests.shop.bench import Bench, at_work

At = Bench[InventoryService]
CATALOGUE = Catalogue(
    tuple(
        Item(product=AddProduct(sku=sku, name=sku, category="", price=Money(1), weight=1), stock=5)
        for sku in ("AA", "BB")
    )
)
CONFIRMED = OrderConfirmed(
    order_id="o1", user_id="u1", total=Money(1), payment_id="p", payment_method="visa", tracking="t"
)


@pytest.fixture(name="at")
async def _at(tmp_path: Path) -> AsyncGenerator[At]:
    async with at_work(tmp_path, lambda db, _: InventoryService(db, CATALOGUE)) as bench:
        yield bench


async def reserve(at: At, *lines: tuple[str, int]) -> Reservation:
    request = Reserve(order_id="o1", lines=[Line(sku, quantity) for sku, quantity in lines])
    return await at.call(at.service.reserve, request)


async def books(at: At, sku: str = "AA") -> StockEntry:
    return next(entry for entry in await at.service.stock_ledger() if entry.sku == sku)


async def news(at: At) -> list[type[object]]:
    return [type(event) for event in (await at.told())[2:]]


async def test_the_stock_of_the_first_day_is_told_once(at: At) -> None:
    await at.service.on_start()
    assert [event for event in await at.told() if isinstance(event, StockChanged)] == [
        StockChanged(sku=sku, quantity=5, available=5) for sku in ("AA", "BB")
    ]


async def test_a_reservation_holds_every_line(at: At) -> None:
    held = await reserve(at, ("BB", 1), ("AA", 2))
    assert held.lines == [Line("AA", 2), Line("BB", 1)]
    assert (await at.service.stock("AA")).available == 3
    assert (await at.told())[-1] == StockReserved(sku="BB", order_id="o1", quantity=1, available=4)


async def test_a_reservation_asked_for_again_is_the_same(at: At) -> None:
    assert await reserve(at, ("AA", 2)) == await reserve(at, ("AA", 2))
    assert (await books(at)).reserved == 2


async def test_a_reservation_of_which_one_line_is_out_of_stock_holds_nothing(at: At) -> None:
    with pytest.raises(OutOfStock):
        await reserve(at, ("AA", 2), ("BB", 6))
    assert (await books(at)).on_hand == 5
    assert await news(at) == []


async def test_what_is_not_sold_here_cannot_be_reserved(at: At) -> None:
    with pytest.raises(NoSuchStock):
        await reserve(at, ("ZZ", 1))


async def test_released_stock_can_be_bought_again_and_only_once(at: At) -> None:
    held = await reserve(at, ("AA", 2))
    for _ in range(2):
        await at.call(at.service.release, held.id)
    assert (await books(at)).on_hand == 5
    assert await news(at) == [StockReserved, StockReleased]


async def test_releasing_an_unknown_reservation_is_no_error(at: At) -> None:
    await at.call(at.service.release, "nothing")


async def test_stock_of_a_confirmed_order_leaves_the_house_once(at: At) -> None:
    await reserve(at, ("AA", 2))
    for _ in range(2):
        await at.hear(CONFIRMED)
    entry = await books(at)
    assert (entry.on_hand, entry.reserved, entry.shipped) == (3, 0, 2)
    assert await news(at) == [StockReserved, StockShipped]


async def test_what_was_shipped_cannot_be_released(at: At) -> None:
    held = await reserve(at, ("AA", 2))
    await at.hear(CONFIRMED)
    with pytest.raises(AlreadyShipped):
        await at.call(at.service.release, held.id)


async def test_more_of_a_product_can_be_bought_at_once(at: At) -> None:
    assert (await at.call(at.service.restock, "AA", Restock(7))).available == 12
    assert (await books(at)).restocked == 7


async def test_the_first_stock_of_a_new_product_begins_its_books(at: At) -> None:
    await at.call(at.service.restock, "CC", Restock(3))
    assert await books(at, "CC") == StockEntry(sku="CC", initial=0, restocked=3, on_hand=3, reserved=0, shipped=0)


async def test_reservations_are_listed_page_by_page(at: At) -> None:
    held = await reserve(at, ("AA", 1))
    assert await at.service.reservation_ledger() == [held]
    assert await at.service.reservation_ledger(after=held.id) == []
