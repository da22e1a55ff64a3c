"""The shop as one system: its services, its gateway, and the world outside in programs of its own."""

from __future__ import annotations

from atoll.gateway import Cors, Gateway, Jwt
from atoll.system import Program, System
from shop.customers.load import LOAD
from shop.invariants import INVARIANTS
from shop.providers import card_network, catalogue, mailer
from shop.services.analytics import AnalyticsService
from shop.services.audit import AuditService
from shop.services.auth import AuthService
from shop.services.catalog import CatalogService
from shop.services.inventory import InventoryService
from shop.services.notification import NotificationService
from shop.services.order import OrderService
from shop.services.payment import PaymentService
from shop.services.product import ProductService
from shop.services.profile import ProfileService
from shop.services.shipping import ShippingService
from shop.services.user import UserService

shop = System(
    "shop",
    services=[
        UserService,
        AuthService,
        ProfileService,
        ProductService,
        InventoryService,
        CatalogService,
        OrderService,
        PaymentService,
        ShippingService,
        NotificationService,
        AnalyticsService,
        AuditService,
    ],
    gateway=Gateway(
        jwt=Jwt(issuer="https://auth.shop.example", audience="shop"),
        cors=Cors(origins=("https://www.shop.example", "http://localhost:3000")),
    ),
    providers=[catalogue, card_network, mailer],
    programs=[
        Program("cardnet", module="shop.outside.cardnet", args=("--failing", "0.04", "--slow", "0.05")),
        Program("mail", module="shop.outside.mail", args=("--failing", "0.04", "--slow", "0.05"), scheme="smtp"),
    ],
    invariants=INVARIANTS,
    load=LOAD,
)
