"""The rules of the audit trail: it holds what the services' books say happened, each once and in order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from atoll.contracts import Event
from shop.contracts.audit import AuditEntry, Verification
from shop.contracts.inventory import (
    Reservation,
    StockChanged,
    StockEntry,
    StockReleased,
    StockReserved,
    StockShipped,
)
from shop.contracts.order import Order, OrderCancelled, OrderConfirmed, OrderPlaced
from shop.contracts.payment import Payment, PaymentCaptured, PaymentDeclined, PaymentRefunded
from shop.contracts.product import PriceChanged, Product, ProductAdded
from shop.contracts.shipping import Parcel, ParcelBooked, ParcelCancelled
from shop.contracts.user import Account, UserCreated, UserEmailUpdated, UserErased

Fact = tuple[str, str]
"""An event's type and key."""

_SIGNS = {
    StockChanged.event_type: 1,
    StockReserved.event_type: -1,
    StockReleased.event_type: 1,
    StockShipped.event_type: 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the services say of themselves."""

    accounts: Sequence[Account]
    products: Sequence[Product]
    stock: Sequence[StockEntry]
    reservations: Sequence[Reservation]
    orders: Sequence[Order]
    payments: Sequence[Payment]
    parcels: Sequence[Parcel]


class _Move(msgspec.Struct, frozen=True):
    quantity: int
    available: int


def expected_facts(books: Books) -> Counter[Fact]:
    """Return which events must have been published, and how often."""
    facts: Counter[Fact] = Counter()

    def add(event: type[Event], key: str, times: int = 1) -> None:
        if times:
            facts[event.event_type, key] += times

    for account in books.accounts:
        add(UserCreated, account.id)
        add(UserEmailUpdated, account.id, account.revision - 1)
        add(UserErased, account.id, account.erased)
    for product in books.products:
        add(ProductAdded, product.sku)
        add(PriceChanged, product.sku, product.revision - 1)
    for reservation in books.reservations:
        for line in reservation.lines:
            add(StockReserved, line.sku)
            add(StockReleased, line.sku, reservation.state == "released")
            add(StockShipped, line.sku, reservation.state == "shipped")
    for order in books.orders:
        add(OrderPlaced, order.id)
        add(OrderConfirmed, order.id, order.status == "confirmed")
        add(OrderCancelled, order.id, order.status == "cancelled")
    for payment in books.payments:
        add(PaymentCaptured, payment.order_id, payment.status in ("captured", "refunding", "refunded"))
        add(PaymentRefunded, payment.order_id, payment.status == "refunded")
        add(PaymentDeclined, payment.order_id, payment.status == "declined")
    for parcel in books.parcels:
        add(ParcelBooked, parcel.order_id)
        add(ParcelCancelled, parcel.order_id, parcel.status == "cancelled")
    return facts


def audit_holds(books: Books, entries: Sequence[AuditEntry], verification: Verification) -> list[str]:
    """The chain verifies, and each event stands in it exactly once, in order per aggregate."""
    wrong = [] if verification.intact else [f"the audit chain is broken at entry {verification.broken_at}"]
    copies = Counter(entry.event_id for entry in entries)
    wrong += [f"event {event_id} stands in the audit {count} times" for event_id, count in copies.items() if count > 1]
    return wrong + _counts_match(books, entries) + _in_order(entries) + _stock_replays(books.stock, entries)


def _counts_match(books: Books, entries: Sequence[AuditEntry]) -> list[str]:
    expected = expected_facts(books)
    known = {event_type for event_type, _ in expected}
    found = Counter((each.event_type, each.key) for each in entries if each.event_type in known)
    return [
        f"the audit has {found[fact]} of {fact[0]} for {fact[1]}, but it happened {expected[fact]} times"
        for fact in sorted(expected.keys() | found.keys())
        if expected[fact] != found[fact]
    ]


def _in_order(entries: Iterable[AuditEntry]) -> list[str]:
    """An aggregate's events stand in the order they were emitted."""
    latest: dict[tuple[str, str], float] = {}
    wrong: list[str] = []
    for entry in entries:
        if not entry.key:
            continue
        aggregate = (entry.source, entry.key)
        if entry.time < latest.get(aggregate, 0.0):
            wrong.append(f"audit entry {entry.seq} ({entry.event_type} of {entry.key}) is out of order")
        latest[aggregate] = max(entry.time, latest.get(aggregate, 0.0))
    return wrong


def _stock_replays(stock: Sequence[StockEntry], entries: Sequence[AuditEntry]) -> list[str]:
    """Adding up a SKU's events in the order of the audit gives, step by step, the stock it has."""
    moves: dict[str, list[AuditEntry]] = defaultdict(list)
    for entry in entries:
        if entry.event_type in _SIGNS:
            moves[entry.key].append(entry)
    wrong: list[str] = []
    for books in stock:
        available = 0
        for entry in moves[books.sku]:
            move = msgspec.json.decode(entry.data, type=_Move)
            available += _SIGNS[entry.event_type] * move.quantity
            if available != move.available:
                wrong.append(
                    f"entry {entry.seq} leaves {move.available} of {books.sku}, but its events add up to {available}"
                )
                available = move.available
        if available != books.on_hand:
            wrong.append(f"{books.sku} has {books.on_hand} on hand, but {available} by its events")
    return wrong
