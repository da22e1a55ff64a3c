"""What is counted, and the four business metrics under the names of the pattern guide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from atoll.contracts import Event
from shop.contracts.order import CartAbandoned, OrderConfirmed
from shop.contracts.payment import PaymentCaptured
from shop.contracts.user import UserCreated
from shop.contracts.values import Money

ORDER_VALUES: Final = (10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0)


def day_of(time: float) -> str:
    """Return the day (UTC, ISO 8601) of a time in epoch seconds."""
    return datetime.fromtimestamp(time, UTC).date().isoformat()


class BusinessMetrics:
    """The business metrics of one process. They count what it saw; the tables count what happened."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registrations = Counter(
            "user_registrations_total",
            "Total number of user registrations",
            ["source", "country"],
            registry=registry,
        )
        self._order_value = Histogram(
            "order_value_dollars",
            "Order value in dollars",
            ["currency", "payment_method"],
            buckets=ORDER_VALUES,
            registry=registry,
        )
        self._payments = Counter(
            "payment_success_total",
            "Total number of successful payments",
            ["payment_method", "currency"],
            registry=registry,
        )
        self._abandoned = Counter(
            "cart_abandonment_total",
            "Total number of cart abandonments",
            ["step", "reason"],
            registry=registry,
        )

    def count(self, event: Event) -> None:
        """Count an event, if it is one of those that are counted."""
        match event:
            case UserCreated():
                self.registered(event.source, event.country)
            case OrderConfirmed():
                self.ordered(event.total, event.payment_method)
            case PaymentCaptured():
                self.paid(event.amount, event.payment_method)
            case CartAbandoned():
                self.abandoned(event.step, event.reason)
            case _:
                return

    def registered(self, source: str, country: str) -> None:
        self._registrations.labels(source, country).inc()

    def ordered(self, total: Money, payment_method: str) -> None:
        self._order_value.labels(total.currency, payment_method).observe(total.amount / 100)

    def paid(self, amount: Money, payment_method: str) -> None:
        self._payments.labels(payment_method, amount.currency).inc()

    def abandoned(self, step: str, reason: str) -> None:
        self._abandoned.labels(step, reason).inc()
