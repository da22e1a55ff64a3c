"""The service that turns carts into orders. Checkout is the saga the shop is about."""

from __future__ import annotations

from atoll.aggregates import Changed
from atoll.contracts import Problem
from atoll.core import Clock, Settings, new_id
from atoll.eventstore import EventStore
from atoll.saga import Saga, saga
from atoll.service import Service, every, on
from atoll.storage import Database
from shop.contracts.inventory import Inventory
from shop.contracts.order import (
    Cart,
    CartAbandoned,
    CartStarted,
    Checkout,
    CustomerGone,
    Order,
    OrderInFlight,
    OrderNotFound,
    OrderPage,
    Orders,
    PutLine,
)
from shop.contracts.payment import Charge, Payment, Payments
from shop.contracts.product import PriceChanged, ProductAdded, UnknownProduct
from shop.contracts.shipping import Book, Parcel, Shipping
from shop.services.order import domain
from shop.services.order.store import Carts, Customers, OrderList, purchases_in


class OrderService(Service, Orders):
    """Orders are event-sourced, what is stored is published in the same commit; carts are rows.

    Prices are a copy of what `product` tells.
    """

    version = "1.0.0"
    migrations = "migrations"
    projections = (OrderList,)

    def __init__(
        self,
        db: Database,
        events: EventStore,
        listed: OrderList,
        clock: Clock,
        settings: Settings,
        inventory: Inventory,
        payments: Payments,
        shipping: Shipping,
    ) -> None:
        self.carts, self.customers = Carts(db), Customers(db)
        self.purchases, self.listed = purchases_in(events), listed
        self.clock = clock
        self.idle_seconds = domain.idle_seconds(settings.environ)
        self.inventory, self.payments, self.shipping = inventory, payments, shipping

    async def cart(self) -> Cart:
        return domain.cart_of(await self.carts.lines(self.principal.subject))

    async def put_line(self, sku: str, request: PutLine) -> Cart:
        user_id = self.principal.subject
        if not await self.carts.knows(sku):
            raise UnknownProduct(sku=sku)
        if await self.carts.touch(user_id, step="cart", reason="idle", now=self.clock.now()):
            self.emit(CartStarted(user_id=user_id))
        await self.carts.put(user_id, sku, request.quantity)
        return await self.cart()

    async def remove_line(self, sku: str) -> Cart:
        user_id = self.principal.subject
        await self.carts.remove(user_id, sku)
        cart = await self.cart()
        if not cart.lines:
            await self.carts.clear(user_id)
        return cart

    @saga
    async def checkout(self, s: Saga, request: Checkout) -> Order:
        reason = "unavailable"
        try:
            order = await s.step("place", self._place, request, undo=lambda order: self._cancel(order, reason))
            await s.step(
                "reserve",
                self.inventory.reserve,
                domain.reservation_for(order),
                undo=lambda held: self.inventory.release(held.id),
            )
            paid = await s.step(
                "charge",
                self.payments.charge,
                Charge(order_id=order.id, amount=order.total, card=request.card),
                undo=lambda paid: self.payments.refund(paid.id),
            )
            parcel = await s.step(
                "ship",
                self.shipping.book,
                Book(order_id=order.id, user_id=order.user_id, address=request.address),
                undo=lambda parcel: self.shipping.cancel(parcel.id),
            )
            return await s.step("confirm", self._confirm, order, paid, parcel)
        except Problem as problem:
            reason = problem.code
            raise

    async def my_orders(self, after: str = "", limit: int = 50) -> OrderPage:
        return await self.listed.of(self.principal.subject, after, limit)

    async def order(self, order_id: str) -> Order:
        found = await self.purchases.find(order_id)
        if found is None or found.aggregate.order.user_id != self.principal.subject:
            raise OrderNotFound()
        return found.aggregate.order

    async def close(self, user_id: str) -> None:
        if not await self.customers.close(user_id):
            raise OrderInFlight()
        await self.carts.clear(user_id)

    async def order_ledger(self, after: str = "", limit: int = 500) -> list[Order]:
        return await self.listed.page(after, limit)

    @on(ProductAdded)
    async def learn(self, event: ProductAdded) -> None:
        await self.carts.know(event.sku, event.name, event.price)

    @on(PriceChanged)
    async def reprice(self, event: PriceChanged) -> None:
        await self.carts.reprice(event.sku, event.price)

    @every(5.0)
    async def give_up_on_carts(self) -> None:
        """Tell of carts that were left, once each, until they are touched again."""
        for cart in await self.carts.idle(self.clock.now() - self.idle_seconds, limit=100):
            if await self.carts.tell(cart.user_id):
                value = domain.total_of(await self.carts.lines(cart.user_id))
                self.emit(CartAbandoned(user_id=cart.user_id, step=cart.step, reason=cart.reason, value=value))

    async def _place(self, request: Checkout) -> Order:
        user_id = self.principal.subject
        cart = await self.cart()
        placed = domain.place(cart, request, order_id=new_id(), user_id=user_id, now=self.clock.now())
        if not await self.customers.begin(user_id, placed.order_id):
            raise CustomerGone()
        created = await self.purchases.create(placed.order_id, lambda _: placed)
        await self.carts.clear(user_id)
        return self._told(created)

    async def _confirm(self, order: Order, paid: Payment, parcel: Parcel) -> Order:
        await self.customers.end(order.id)
        return self._told(await self.purchases.change(order.id, lambda each: each.confirm(paid, parcel)))

    async def _cancel(self, order: Order, reason: str) -> None:
        """Cancel, and put everything back into the cart, for another card or without what ran out."""
        await self.customers.end(order.id)
        self._told(await self.purchases.change(order.id, lambda each: each.cancel(reason)))
        for line in order.lines:
            await self.carts.put_back(order.user_id, line.sku, line.quantity)
        await self.carts.touch(order.user_id, step="checkout", reason=reason, now=self.clock.now())

    def _told(self, changed: Changed[domain.Purchase]) -> Order:
        """Publish what an order has decided, with the commit that stores it."""
        self.emit(*changed.events)
        return changed.aggregate.order
