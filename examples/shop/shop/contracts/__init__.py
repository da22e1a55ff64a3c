"""The published language of the shop: all that its services know of each other."""

from __future__ import annotations

from typing import Any, Final

from atoll.contracts import Event, spec_of
from shop.contracts.analytics import Analytics
from shop.contracts.audit import Audit
from shop.contracts.auth import Auth
from shop.contracts.catalog import Catalog
from shop.contracts.inventory import Inventory
from shop.contracts.notification import Notifications
from shop.contracts.order import Orders
from shop.contracts.payment import Payments
from shop.contracts.product import Products
from shop.contracts.profile import Profiles
from shop.contracts.shipping import Shipping
from shop.contracts.user import Users

CONTRACTS: Final[tuple[Any, ...]] = (
    Users,
    Auth,
    Profiles,
    Products,
    Inventory,
    Catalog,
    Orders,
    Payments,
    Shipping,
    Notifications,
    Analytics,
    Audit,
)
ALL_EVENTS: Final[tuple[type[Event], ...]] = tuple(event for each in CONTRACTS for event in spec_of(each).events)

__all__ = [
    "ALL_EVENTS",
    "CONTRACTS",
    "Analytics",
    "Audit",
    "Auth",
    "Catalog",
    "Inventory",
    "Notifications",
    "Orders",
    "Payments",
    "Products",
    "Profiles",
    "Shipping",
    "Users",
]
