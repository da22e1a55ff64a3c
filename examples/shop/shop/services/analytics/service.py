"""The service that counts: projections for people, metrics for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from atoll.contracts import Message
from atoll.service import Service, on
from atoll.storage import Database
from shop.contracts.analytics import Analytics, Funnel, Revenue, Totals
from shop.contracts.order import CartAbandoned, CartStarted, OrderCancelled, OrderConfirmed, OrderPlaced
from shop.contracts.payment import PaymentCaptured
from shop.contracts.user import UserCreated
from shop.services.analytics.domain import BusinessMetrics, day_of
from shop.services.analytics.store import AnalyticsStore


class AnalyticsService(Service, Analytics):
    """Each fact is counted once, in the transaction that notes it as heard; then the metrics follow."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, registry: CollectorRegistry) -> None:
        self.store = AnalyticsStore(db)
        self.metrics = BusinessMetrics(registry)

    async def revenue(self) -> list[Revenue]:
        return await self.store.revenue()

    async def funnel(self) -> Funnel:
        return await self.store.funnel()

    async def totals(self) -> list[Totals]:
        return await self.store.totals()

    @on(UserCreated)
    async def count_registration(self, event: UserCreated) -> None:
        await self.store.advance("registered")
        self.metrics.registered(event.source, event.country)

    @on(CartStarted)
    async def count_cart(self, event: CartStarted) -> None:
        await self.store.advance("carts")

    @on(CartAbandoned)
    async def count_abandoned(self, event: CartAbandoned) -> None:
        await self.store.advance("abandoned", f"{event.step}: {event.reason}")
        self.metrics.abandoned(event.step, event.reason)

    @on(OrderPlaced)
    async def count_placed(self, event: OrderPlaced) -> None:
        await self.store.advance("placed")

    @on(OrderConfirmed)
    async def count_confirmed(self, event: OrderConfirmed, message: Message) -> None:
        await self.store.advance("confirmed")
        await self.store.earn(day_of(message.time), event.total)
        self.metrics.ordered(event.total, event.payment_method)

    @on(OrderCancelled)
    async def count_cancelled(self, event: OrderCancelled) -> None:
        await self.store.advance("cancelled", event.reason)

    @on(PaymentCaptured)
    async def count_payment(self, event: PaymentCaptured) -> None:
        self.metrics.paid(event.amount, event.payment_method)
