"""The rules of stock: pure steps from one state of a SKU's books to the next."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shop.contracts.inventory import OutOfStock, StockEntry
from shop.contracts.values import Line


def opened(sku: str, initial: int) -> StockEntry:
    """Begin the books of a SKU."""
    return StockEntry(sku=sku, initial=initial, restocked=0, on_hand=initial, reserved=0, shipped=0)


def balanced(stock: StockEntry) -> bool:
    """Tell whether nothing was lost or made up: initial + restocked = on hand + reserved + shipped, none negative."""
    counts = (stock.on_hand, stock.reserved, stock.shipped)
    return stock.initial + stock.restocked == sum(counts) and min(counts) >= 0


def restock(stock: StockEntry, quantity: int) -> StockEntry:
    """More has arrived."""
    return msgspec.structs.replace(stock, restocked=stock.restocked + quantity, on_hand=stock.on_hand + quantity)


def reserve(stock: StockEntry, quantity: int) -> StockEntry:
    """Hold some for an order. Raises OutOfStock."""
    if quantity > stock.on_hand:
        raise OutOfStock(sku=stock.sku, requested=quantity, available=stock.on_hand)
    return msgspec.structs.replace(stock, on_hand=stock.on_hand - quantity, reserved=stock.reserved + quantity)


def release(stock: StockEntry, quantity: int) -> StockEntry:
    """Put what was held back on the shelf."""
    return msgspec.structs.replace(stock, on_hand=stock.on_hand + quantity, reserved=stock.reserved - quantity)


def ship(stock: StockEntry, quantity: int) -> StockEntry:
    """Send what was held."""
    return msgspec.structs.replace(stock, reserved=stock.reserved - quantity, shipped=stock.shipped + quantity)


def merged(lines: Sequence[Line]) -> list[Line]:
    """Return one line for each SKU, in order of SKU, so that two reservations never wait for each other."""
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    return [Line(sku, quantity) for sku, quantity in sorted(wanted.items())]
