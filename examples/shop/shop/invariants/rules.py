"""The rules between the services' books, as pure functions that return a sentence for each violation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shop.contracts.analytics import Totals
from shop.contracts.catalog import CatalogEntry
from shop.contracts.inventory import Reservation, StockEntry
from shop.contracts.notification import Delivered, Letter
from shop.contracts.order import Order
from shop.contracts.payment import NetworkEntry, Payment
from shop.contracts.product import Product
from shop.contracts.shipping import Parcel
from shop.contracts.user import Account
from shop.services.inventory.domain import balanced
from shop.services.notification.domain import message_id

KEPT: Final = frozenset({"captured"})
"""The states of a payment in which the money is ours."""


def orders_settled(orders: Iterable[Order]) -> list[str]:
    """Every order ends confirmed or cancelled."""
    return [
        f"order {order.id} is still {order.status}"
        for order in orders
        if order.status not in ("confirmed", "cancelled")
    ]


def money_matches(orders: Sequence[Order], payments: Sequence[Payment]) -> list[str]:
    """Money captured and not refunded is that of confirmed orders, order by order and in sum."""
    kept: dict[str, list[Payment]] = defaultdict(list)
    for payment in payments:
        if payment.status in KEPT:
            kept[payment.order_id].append(payment)
    wrong = [
        f"payment {payment.id} is {payment.status} and should have ended"
        for payment in payments
        if payment.status in ("pending", "refunding")
    ]
    for order in orders:
        wrong += _paid_once(order, kept.pop(order.id, []))
    wrong += [f"money was kept for order {order_id}, which does not exist" for order_id in kept]
    earned, owed = _by_currency(payments), _totals(orders)
    if earned != owed:
        wrong.append(f"money kept is {dict(earned)}, but confirmed orders come to {dict(owed)}")
    return wrong


def network_agrees(payments: Sequence[Payment], entries: Sequence[NetworkEntry]) -> list[str]:
    """The card network has taken exactly what our books say, under each of our keys."""
    books = {entry.key: entry.captured - entry.refunded for entry in entries}
    wrong: list[str] = []
    for payment in payments:
        ours = payment.amount.amount if payment.status in KEPT else 0
        theirs = books.pop(payment.id, 0)
        if ours != theirs:
            wrong.append(f"payment {payment.id} is {ours} in our books and {theirs} in the card network's")
    wrong += [f"the card network kept {amount} under {key}, unknown to us" for key, amount in books.items() if amount]
    return wrong


def parcels_match(orders: Sequence[Order], parcels: Sequence[Parcel]) -> list[str]:
    """A confirmed order has exactly one parcel, a cancelled one has none."""
    live = Counter(parcel.order_id for parcel in parcels if parcel.status != "cancelled")
    tracking = {parcel.order_id: parcel.tracking for parcel in parcels}
    wrong: list[str] = []
    for order in orders:
        count, wanted = live.pop(order.id, 0), int(order.status == "confirmed")
        if count != wanted:
            wrong.append(f"order {order.id} is {order.status} and has {count} parcels")
        elif wanted and tracking[order.id] != order.tracking:
            wrong.append(f"order {order.id} has another tracking number than its parcel")
    return wrong + [f"a parcel is on its way for order {order_id}, which does not exist" for order_id in live]


def mail_matches(
    orders: Sequence[Order],
    accounts: Sequence[Account],
    letters: Sequence[Letter],
    delivered: Sequence[Delivered],
) -> list[str]:
    """Each fact a customer should hear of was mailed under exactly one Message-ID, and nothing else was.

    Who was erased may have been written to before.
    """
    whose = {message_id("welcome", account.id): account.id for account in accounts}
    whose |= {message_id("order_confirmed", each.id): each.user_id for each in orders if each.status == "confirmed"}
    whose |= {message_id("order_cancelled", each.id): each.user_id for each in orders if each.status == "cancelled"}
    erased = {account.id for account in accounts if account.erased}
    wanted = {name for name, user_id in whose.items() if user_id not in erased}
    written = {letter.id for letter in letters}
    arrived = {each.id for each in delivered}
    wrong = [f"letter {letter.id} was not sent" for letter in letters if letter.sent_at is None]
    wrong += [f"nothing was written as {name}" for name in sorted(wanted - written)]
    wrong += [f"{name} is not in the mail server's mailbox" for name in sorted(wanted - arrived)]
    wrong += [f"{name} was mailed, but nothing of the kind happened" for name in sorted(arrived - whose.keys())]
    return wrong


def stock_balances(
    stock: Sequence[StockEntry], reservations: Sequence[Reservation], orders: Sequence[Order]
) -> list[str]:
    """Per SKU initial + restocked = on hand + reserved + shipped, and reservations and orders say the same."""
    held, shipped = _by_sku(reservations, "held"), _by_sku(reservations, "shipped")
    wrong: list[str] = []
    for entry in stock:
        if not balanced(entry):
            wrong.append(f"the books of {entry.sku} do not balance: {entry}")
        if entry.reserved != held[entry.sku]:
            wrong.append(f"{entry.sku}: {entry.reserved} reserved, but {held[entry.sku]} are held for orders")
        if entry.shipped != shipped[entry.sku]:
            wrong.append(f"{entry.sku}: {entry.shipped} shipped, but orders were sent {shipped[entry.sku]}")
    return wrong + _reservations_match(reservations, {order.id: order.status for order in orders})


def catalog_agrees(
    entries: Iterable[CatalogEntry], products: Iterable[Product], stock: Iterable[StockEntry]
) -> list[str]:
    """Customers find every product at its price, with the stock there is."""
    found = {entry.sku: (entry.price, entry.available) for entry in entries}
    on_hand = {entry.sku: entry.on_hand for entry in stock}
    wrong: list[str] = []
    for product in products:
        truth = (product.price, on_hand.get(product.sku, 0))
        if found.get(product.sku) != truth:
            wrong.append(f"the catalog shows {product.sku} as {found.get(product.sku)}, but it is {truth}")
    return wrong


def analytics_agrees(orders: Sequence[Order], totals: Iterable[Totals]) -> list[str]:
    """The revenue that analytics reports is that of the confirmed orders."""
    reported = {each.currency: each.amount for each in totals}
    owed = dict(_totals(orders))
    return [] if reported == owed else [f"analytics reports {reported}, but confirmed orders come to {owed}"]


def _paid_once(order: Order, kept: Sequence[Payment]) -> list[str]:
    if order.status != "confirmed":
        return [f"order {order.id} is {order.status}, but its money was kept"] if kept else []
    if len(kept) != 1 or kept[0].id != order.payment_id or kept[0].amount != order.total:
        return [f"order {order.id} over {order.total} was paid by {[str(each.amount) for each in kept]}"]
    return []


def _reservations_match(reservations: Iterable[Reservation], orders: Mapping[str, str]) -> list[str]:
    wanted = {"confirmed": "shipped", "cancelled": "released"}
    wrong: list[str] = []
    seen: set[str] = set()
    for each in reservations:
        seen.add(each.order_id)
        status = orders.get(each.order_id, "unknown")
        if wanted.get(status) != each.state:
            wrong.append(f"order {each.order_id} is {status}, but its stock is {each.state}")
    confirmed = {order_id for order_id, status in orders.items() if status == "confirmed"}
    return wrong + [f"order {order_id} is confirmed without stock" for order_id in sorted(confirmed - seen)]


def _by_sku(reservations: Iterable[Reservation], state: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for reservation in reservations:
        if reservation.state == state:
            counts.update({line.sku: line.quantity for line in reservation.lines})
    return counts


def _by_currency(payments: Iterable[Payment]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for payment in payments:
        if payment.status in KEPT:
            sums[payment.amount.currency] += payment.amount.amount
    return sums


def _totals(orders: Iterable[Order]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for order in orders:
        if order.status == "confirmed":
            sums[order.total.currency] += order.total.amount
    return sums
