"""The invariants as a system runs them: the books are fetched from the services and held to the rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from atoll.clients import Clients
from atoll.system import Invariant
from shop.contracts import (
    Analytics,
    Audit,
    Catalog,
    Inventory,
    Notifications,
    Orders,
    Payments,
    Products,
    Shipping,
    Users,
)
from shop.contracts.audit import AuditEntry
from shop.contracts.catalog import CatalogEntry
from shop.contracts.order import Order
from shop.invariants import rules
from shop.invariants.history import Books, audit_holds

T = TypeVar("T")

PAGE: Final = 500


async def whole(page: Callable[[str, int], Awaitable[list[T]]], key: Callable[[T], str]) -> list[T]:
    """Return a whole ledger, page by page."""
    found: list[T] = []
    while rows := await page(key(found[-1]) if found else "", PAGE):
        found += rows
    return found


async def orders_of(clients: Clients) -> list[Order]:
    """Return every order."""
    return await whole(clients.of(Orders).order_ledger, lambda order: order.id)


async def check_orders(clients: Clients) -> list[str]:
    """Hold the orders to their end."""
    return rules.orders_settled(await orders_of(clients))


async def check_money(clients: Clients) -> list[str]:
    """Hold the payments to the orders."""
    payments = await whole(clients.of(Payments).payment_ledger, lambda payment: payment.id)
    return rules.money_matches(await orders_of(clients), payments)


async def check_network(clients: Clients) -> list[str]:
    """Hold our payments to the card network's own books."""
    payments = await whole(clients.of(Payments).payment_ledger, lambda payment: payment.id)
    entries = await whole(clients.of(Payments).network_ledger, lambda entry: entry.key)
    return rules.network_agrees(payments, entries)


async def check_parcels(clients: Clients) -> list[str]:
    """Hold the parcels to the orders."""
    parcels = await whole(clients.of(Shipping).parcel_ledger, lambda parcel: parcel.id)
    return rules.parcels_match(await orders_of(clients), parcels)


async def check_mail(clients: Clients) -> list[str]:
    """Hold the mailbox to what happened."""
    notifications = clients.of(Notifications)
    accounts = await whole(clients.of(Users).accounts, lambda account: account.id)
    letters = await whole(notifications.message_ledger, lambda letter: letter.id)
    delivered = await whole(notifications.mailbox, lambda each: each.id)
    return rules.mail_matches(await orders_of(clients), accounts, letters, delivered)


async def check_stock(clients: Clients) -> list[str]:
    """Hold the stock to reservations and orders."""
    inventory = clients.of(Inventory)
    stock = await whole(inventory.stock_ledger, lambda entry: entry.sku)
    reservations = await whole(inventory.reservation_ledger, lambda reservation: reservation.id)
    return rules.stock_balances(stock, reservations, await orders_of(clients))


async def check_audit(clients: Clients) -> list[str]:
    """Hold the audit trail to all books."""
    inventory, audit = clients.of(Inventory), clients.of(Audit)
    books = Books(
        accounts=await whole(clients.of(Users).accounts, lambda account: account.id),
        products=await whole(clients.of(Products).products, lambda product: product.sku),
        stock=await whole(inventory.stock_ledger, lambda entry: entry.sku),
        reservations=await whole(inventory.reservation_ledger, lambda reservation: reservation.id),
        orders=await orders_of(clients),
        payments=await whole(clients.of(Payments).payment_ledger, lambda payment: payment.id),
        parcels=await whole(clients.of(Shipping).parcel_ledger, lambda parcel: parcel.id),
    )
    entries: list[AuditEntry] = []
    while rows := await audit.entries(entries[-1].seq if entries else 0, PAGE):
        entries += rows
    return audit_holds(books, entries, await audit.verify())


async def check_catalog(clients: Clients) -> list[str]:
    """Hold what customers find to products and stock."""
    catalog = clients.of(Catalog)
    products = await whole(clients.of(Products).products, lambda product: product.sku)
    stock = await whole(clients.of(Inventory).stock_ledger, lambda entry: entry.sku)
    first = await catalog.search(size=100)
    entries: list[CatalogEntry] = list(first.entries)
    for page in range(2, first.pages + 1):
        entries += (await catalog.search(page=page, size=100)).entries
    return rules.catalog_agrees(entries, products, stock)


async def check_analytics(clients: Clients) -> list[str]:
    """Hold the reports to the orders."""
    return rules.analytics_agrees(await orders_of(clients), await clients.of(Analytics).totals())


INVARIANTS: Final = (
    Invariant("every order is confirmed or cancelled", check_orders),
    Invariant("money kept is that of confirmed orders, each paid once", check_money),
    Invariant("the card network's books agree", check_network),
    Invariant("each confirmed order has one parcel, no other has any", check_parcels),
    Invariant("each fact was mailed under one Message-ID", check_mail),
    Invariant("stock adds up and is never negative", check_stock),
    Invariant("audit holds every event once and in order, unbroken", check_audit),
    Invariant("the catalog shows what there is", check_catalog),
    Invariant("analytics reports what was earned", check_analytics),
)
