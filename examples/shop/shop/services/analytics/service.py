"""The service that counts: a projection for people, metrics for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from atoll.contracts import Event, Message
from atoll.eventstore import EventStore, heard
from atoll.service import Service, on
from shop.contracts.analytics import Analytics, Funnel, Revenue, Totals
from shop.contracts.order import CartAbandoned, CartStarted, OrderCancelled, OrderConfirmed, OrderPlaced
from shop.contracts.payment import PaymentCaptured
from shop.contracts.privacy import impersonal
from shop.contracts.user import UserCreated
from shop.services.analytics.domain import BusinessMetrics
from shop.services.analytics.store import Reports


class AnalyticsService(Service, Analytics):
    """Keeps what it hears in an event store of its own, so that reports can be built anew, and asked new questions.

    Metrics count what this process heard; the reports what happened, each fact once, up to the last one heard before.
    """

    version = "1.0.0"
    projections = (Reports,)

    def __init__(self, events: EventStore, reports: Reports, registry: CollectorRegistry) -> None:
        self.events, self.reports = events, reports
        self.metrics = BusinessMetrics(registry)

    async def revenue(self) -> list[Revenue]:
        await self._catch_up()
        return await self.reports.revenue()

    async def funnel(self) -> Funnel:
        await self._catch_up()
        return await self.reports.funnel()

    async def totals(self) -> list[Totals]:
        await self._catch_up()
        return await self.reports.totals()

    @on(UserCreated, CartStarted, CartAbandoned, OrderPlaced, OrderConfirmed, OrderCancelled, PaymentCaptured)
    async def hear(self, event: Event, message: Message) -> None:
        await self.events.append(f"fact-{message.key}", [heard(impersonal(message, event))])
        self.metrics.count(event)

    async def _catch_up(self) -> None:
        await self.reports.wait_for(await self.events.end())
