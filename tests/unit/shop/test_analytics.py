from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from shop.contracts.values import Money
from shop.services.analytics.domain import BusinessMetrics, day_of


@pytest.fixture(name="registry")
def _registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_day_is_that_of_utc() -> None:
    assert [day_of(time) for time in (0.0, 86_399.9, 86_400.0)] == ["1970-01-01", "1970-01-01", "1970-01-02"]


def test_registrations_are_counted_by_source_and_country(registry: CollectorRegistry) -> None:
    BusinessMetrics(registry).registered("web", "GB")
    assert registry.get_sample_value("user_registrations_total", {"source": "web", "country": "GB"}) == 1.0


def test_order_values_are_in_major_units(registry: CollectorRegistry) -> None:
    BusinessMetrics(registry).ordered(Money(4999), "visa")
    labels = {"currency": "USD", "payment_method": "visa"}
    assert registry.get_sample_value("order_value_dollars_sum", labels) == 49.99
    assert registry.get_sample_value("order_value_dollars_bucket", labels | {"le": "50.0"}) == 1.0


def test_payments_are_counted_by_method_and_currency(registry: CollectorRegistry) -> None:
    BusinessMetrics(registry).paid(Money(100, "EUR"), "amex")
    labels = {"payment_method": "amex", "currency": "EUR"}
    assert registry.get_sample_value("payment_success_total", labels) == 1.0


def test_abandoned_carts_are_counted_by_step_and_reason(registry: CollectorRegistry) -> None:
    BusinessMetrics(registry).abandoned("checkout", "card_declined")
    labels = {"step": "checkout", "reason": "card_declined"}
    assert registry.get_sample_value("cart_abandonment_total", labels) == 1.0
