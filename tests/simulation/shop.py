"""The shop itself: its services and invariants as they are, the world outside and the passwords in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeVar

from atoll.clients import Undone
from atoll.contracts import Problem
from atoll.core.context import Principal
from atoll.system import Invariant
from atoll.testing.simulation import Simulation, principal
from atoll.testing.simulation.faults import Weather
from shop.catalogue import Catalogue, Item
from shop.contracts import Auth, Orders, Users
from shop.contracts.auth import Activate
from shop.contracts.notification import Delivered
from shop.contracts.order import Checkout, PutLine
from shop.contracts.payment import CardDeclined, NetworkEntry
from shop.contracts.product import AddProduct, UnknownProduct
from shop.contracts.user import Register
from shop.contracts.values import Address, Money
from shop.invariants import INVARIANTS
from shop.invariants.checks import orders_of
from shop.services.analytics import AnalyticsService
from shop.services.audit import AuditService
from shop.services.catalog import CatalogService
from shop.services.inventory import InventoryService
from shop.services.notification import NotificationService
from shop.services.notification.domain import Mail, Mailer
from shop.services.order import OrderService
from shop.services.payment import PaymentService
from shop.services.payment.domain import Captured, CardNetwork
from shop.services.product import ProductService
from shop.services.shipping import ShippingService
from shop.services.user import UserService

T = TypeVar("T")

CUSTOMERS: Final = 4
STOCK: Final = {"KIT-1": 2, "KIT-2": 40}
CARDS: Final = ("tok_visa_4242", "tok_visa_4242", "tok_visa_0002")
POSTCODES: Final = ("YO1 7HH", "YO1 7HH", "YO1 7HH", "00000")


class World:
    """What stands outside of the shop: slow, and sometimes failing before or after it has done what it was asked."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather

    async def exchange(self, effect: Callable[[], T]) -> T:
        """Do `effect` between a request and a reply, either of which may be lost."""
        await self._weather.hop()
        if self._weather.happens(0.03):
            raise ConnectionError("the request was lost")
        done = effect()
        await self._weather.hop()
        if self._weather.happens(0.03):
            raise ConnectionError("the reply was lost")
        return done


class Network(World):
    """The card network."""

    def __init__(self, weather: Weather) -> None:
        super().__init__(weather)
        self.entries: dict[str, NetworkEntry] = {}

    async def capture(self, key: str, amount: Money, card: str) -> Captured:
        if card.endswith("0002"):
            raise CardDeclined(reason="do_not_honor")
        entry = NetworkEntry(key=key, currency=amount.currency, captured=amount.amount, refunded=0)
        await self.exchange(lambda: self.entries.setdefault(key, entry))
        return Captured(f"ch_{key}")

    async def refund(self, key: str) -> None:
        await self.exchange(lambda: self._refund(key))

    async def ledger(self, after: str, limit: int) -> list[NetworkEntry]:
        return [entry for key, entry in sorted(self.entries.items()) if key > after][:limit]

    def _refund(self, key: str) -> None:
        if (entry := self.entries.get(key)) is not None:
            self.entries[key] = NetworkEntry(
                key=key, currency=entry.currency, captured=entry.captured, refunded=entry.captured
            )


class MailServer(World):
    """The mail server."""

    def __init__(self, weather: Weather) -> None:
        super().__init__(weather)
        self.mailbox: Counter[str] = Counter()

    async def send(self, mail: Mail) -> None:
        await self.exchange(lambda: self.mailbox.update([mail.id]))

    async def delivered(self, after: str, limit: int) -> list[Delivered]:
        return [Delivered(name, copies) for name, copies in sorted(self.mailbox.items()) if name > after][:limit]


class Credentials:
    """The part of `auth` that registration needs, without the work of hashing."""

    async def activate(self, request: Activate) -> None: ...

    async def withdraw(self, user_id: str) -> None: ...


class Customers:
    """Register, fill a cart, check out, and keep what they are told."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.users, self.orders = sim.client(Users), sim.client(Orders)
        self.confirmed: list[str] = []

    async def visit(self, number: int) -> None:
        name = f"customer-{number}"
        register = Register(email=f"{name}@example.org", credential="t" * 20, name=name)
        user = principal(await self._register(name, register))
        for turn in range(2):
            await self._fill(f"{name}/cart/{turn}", user)
            await self._check_out(f"{name}/order/{turn}", user)

    async def _register(self, key: str, request: Register) -> str:
        try:
            return (await self.sim.insist(key, lambda: self.users.register(request))).id
        except Undone:
            return await self._register(f"{key}+", request)

    async def _fill(self, key: str, user: Principal) -> None:
        sku, line = self.sim.chance.choice(list(STOCK)), PutLine(quantity=1)
        while True:
            try:
                await self.sim.insist(key, lambda: self.orders.put_line(sku, line), principal=user)
            except UnknownProduct:  # the news of it is still on its way
                await asyncio.sleep(1.0)
            else:
                return

    async def _check_out(self, key: str, user: Principal) -> None:
        chance = self.sim.chance
        place = Address(name="A", street="B", city="C", postcode=chance.choice(POSTCODES), country="GB")
        request = Checkout(card=chance.choice(CARDS), address=place)
        try:
            order = await self.sim.insist(key, lambda: self.orders.checkout(request), principal=user)
        except (Problem, Undone):
            return
        self.confirmed.append(order.id)

    async def were_told_the_truth(self) -> Iterable[str]:
        states = {order.id: order.status for order in await orders_of(self.sim.clients)}
        lied = [f"{order} is {states.get(order)}" for order in self.confirmed if states.get(order) != "confirmed"]
        untold = [order for order, state in states.items() if state == "confirmed" and order not in self.confirmed]
        return [*lied, *(f"{order} is confirmed and nobody was told" for order in untold)]


def shop(sim: Simulation) -> None:
    """Declare the shop. Clocks agree, because the audit's order is told by the time of its entries."""
    sim.adjust(skew=0.0)
    catalogue = Catalogue(tuple(_item(sku, stock) for sku, stock in STOCK.items()))
    sim.service(UserService, known={Auth: Credentials()})
    sim.service(ProductService, known={Catalogue: catalogue})
    sim.service(InventoryService, known={Catalogue: catalogue})
    sim.service(OrderService, replicas=2)
    sim.service(PaymentService, known={CardNetwork: Network(sim.weather)})
    sim.service(NotificationService, known={Mailer: MailServer(sim.weather)})
    for service in (ShippingService, CatalogService, AnalyticsService, AuditService):
        sim.service(service)
    customers = Customers(sim)
    for number in range(CUSTOMERS):
        sim.actor(partial(customers.visit, number), name=f"customer {number}")
    sim.invariant("customers are told what is true", customers.were_told_the_truth)
    for each in INVARIANTS:
        sim.invariant(each.name, partial(_held, sim, each))


async def _held(sim: Simulation, invariant: Invariant) -> list[str]:
    return await invariant.check(sim.clients)


def _item(sku: str, stock: int) -> Item:
    product = AddProduct(sku=sku, name=sku, category="Kitchen", price=Money(1000), weight=100)
    return Item(product=product, stock=stock)
